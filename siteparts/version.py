"""The package's version, in the foot of every page."""

from videocnn import __version__


def on_config(config):
    """Write the foot; the version is that of the package the site is built beside."""
    source = f"{config.repo_url}/blob/main/LICENSE"
    config.copyright = f'videocnn {__version__} · <a href="{source}">Apache-2.0</a>'
    return config
