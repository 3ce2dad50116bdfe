"""Archives to folders: complete or not there, nothing outside, damage and killed runs noticed."""

import errno
import os
import shutil
import subprocess
import threading
import zipfile

import pytest
import rarfile
from archive_files import write_rar, write_zip
from hypothesis import given
from hypothesis import strategies as st

from videocnn.datasets.fetch import DamagedError, UnpackError, archives
from videocnn.datasets.fetch import unpack as module
from videocnn.datasets.fetch.archives import check_unpacker, open_archive, safe_parts
from videocnn.datasets.fetch.unpack import unpack

FILES = {f"UCF-101/{c}/v_{c}_g01_c0{i}.avi": f"{c}{i}".encode() * 1000 for c in ("Archery", "Punch") for i in (1, 2)}
TOOLS = {name: shutil.which(name) for name in ("unrar", "unar", "7z", "7zz", "bsdtar")}


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def short(files, keep):
    return {"/".join(name.split("/")[-keep:]): data for name, data in files.items()}


def go(archive, target, **options):
    return unpack(archive, target, **({"keep": 2, "quiet": True, "digest": "abc"} | options))


@pytest.fixture(params=[write_zip, write_rar])
def write(request):
    return request.param


def test_whole(write, tmp_path):
    archive = write(tmp_path / "archive.bin", FILES)  # told apart by content
    assert go(archive, tmp_path / "out" / "UCF-101") == 4
    assert content(tmp_path / "out") == {f"UCF-101/{name}": data for name, data in short(FILES, 2).items()}
    with pytest.raises(UnpackError, match=r"UCF-101.*archive\.bin"):
        go(archive, tmp_path / "out" / "UCF-101")


def test_flat_lists_without_litter(write, tmp_path):
    litter = {"__MACOSX/lists/._a.txt": b"x", "lists/.DS_Store": b"x", "lists/Thumbs.db": b"x"}
    archive = write(tmp_path / "a", {"lists/a.txt": b"1", "lists/b.txt": b"", **litter})
    assert go(archive, tmp_path / "lists", keep=1) == 2
    assert content(tmp_path / "lists") == {"a.txt": b"1", "b.txt": b""}


@pytest.mark.parametrize("folder", ["wave/", ""])
def test_an_archive_for_each_class(write, tmp_path, folder):
    inner = write(tmp_path / "wave.rar", {f"{folder}a_wave_f_nm_np1_fr_med_0.avi": b"one"})
    outer = write(tmp_path / "outer", {"wave.rar": inner.read_bytes(), "readme/talk/b.avi": b"two"})
    assert go(outer, tmp_path / "hmdb51") == 2
    assert content(tmp_path / "hmdb51") == {"wave/a_wave_f_nm_np1_fr_med_0.avi": b"one", "talk/b.avi": b"two"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hmdb51", "outer", "wave.rar"]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_real_unpacker(tool, tmp_path, monkeypatch):
    """Stored files are read without a program unless it is forced upon them."""
    if TOOLS[tool] is None:
        pytest.skip(f"no {tool} on this machine")
    if tool.startswith("7z") and b"Rar" not in subprocess.run([tool, "i"], capture_output=True).stdout:
        pytest.skip(f"{tool} comes without RAR here, as in Debian without 7zip-rar")
    own = {"unrar": "unrar", "unar": "unar", "7z": "sevenzip", "7zz": "sevenzip2", "bsdtar": "bsdtar"}
    monkeypatch.setattr(rarfile, "FORCE_TOOL", True)
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    rarfile.tool_setup(**{name: name == own[tool] for name in own.values()}, force=True)
    assert go(write_rar(tmp_path / "a.rar", FILES), tmp_path / "out") == 4
    assert content(tmp_path / "out") == short(FILES, 2)


def test_no_unpacker(tmp_path, monkeypatch):
    monkeypatch.setattr(rarfile, "FORCE_TOOL", True)
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = r"unrar, unar, 7z or bsdtar, .*`apt install unar`.*`brew install unar`.* 7-Zip"
    with pytest.raises(UnpackError, match=words):
        check_unpacker()
    with pytest.raises(UnpackError, match=words):
        go(write_rar(tmp_path / "a.rar", FILES), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="a shell script is no program on Windows")
def test_an_unpacker_that_cannot(tmp_path, monkeypatch):
    """A 7z without RAR says that all is well, and gives no content."""
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "7z").write_text("#!/bin/sh\necho usage\n")
    (tmp_path / "7z").chmod(0o755)
    with pytest.raises(UnpackError, match="7z or bsdtar"):
        check_unpacker()
    (tmp_path / "bsdtar").write_text("#!/bin/sh\nprintf ok\n")
    (tmp_path / "bsdtar").chmod(0o755)
    check_unpacker()
    assert rarfile.CURRENT_SETUP.setup is rarfile.BSDTAR_CONFIG


def test_the_probe_is_an_archive(tmp_path):
    assert write_rar(tmp_path / "ok.rar", {"ok": b"ok"}).read_bytes() == archives._PROBE


@pytest.mark.parametrize(
    "name",
    ["../evil.avi", "UCF-101/../../evil.avi", "/etc/evil.avi", "C:/evil.avi", "c:evil.avi", "..\\evil.avi", "\\\\s\\e"],
)
def test_names_that_lead_out(write, tmp_path, name):
    archive = write(tmp_path / "a", {**FILES, name: b"evil"})
    with pytest.raises(UnpackError, match="outside the target folder; not unpacked"):
        go(archive, tmp_path / "deep" / "out")
    assert content(tmp_path / "deep").keys() <= {".out.begun"}
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("name", ["...zip", "...rar", "UCF-101/....RAR", "..zip", ".zip", ". .zip"])
@pytest.mark.parametrize("keep", [1, 2])
def test_an_archive_in_it_whose_name_leads_out(write, tmp_path, name, keep):
    """Its files would go to a folder of its name without `.zip`: `..`, beside the target."""
    mine = tmp_path / "deep" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    inner = write(tmp_path / "inner", {"mine.txt": b"evil", "evil.txt": b"evil"})
    archive = write(tmp_path / "a", {**FILES, name: inner.read_bytes()})
    with pytest.raises(UnpackError, match="outside the target folder; not unpacked"):
        go(archive, tmp_path / "deep" / "out", keep=keep)
    assert mine.read_text() == "mine"
    assert content(tmp_path / "deep").keys() <= {"mine.txt", ".out.begun"}


def test_two_archives_of_one_name(write, tmp_path):
    inner = write(tmp_path / "inner", {"a.txt": b"1"}).read_bytes()
    with pytest.raises(UnpackError, match=r"a: two files would become wave\.rar; not unpacked"):
        go(write(tmp_path / "a", {"one/wave.rar": inner, "two/wave.rar": inner}), tmp_path / "out")


def test_links(write, tmp_path):
    archive = write(tmp_path / "a", FILES, links=["UCF-101/Archery/v_Archery_g01_c09.avi"])
    with pytest.raises(UnpackError, match=r"c09\.avi' is a link or another special file; not unpacked"):
        go(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_one_place_for_two_files(write, tmp_path):
    with pytest.raises(UnpackError, match=r"two files would become a\.txt"):
        go(write(tmp_path / "a", {"one/a.txt": b"1", "two/a.txt": b"2"}), tmp_path / "out", keep=1)
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("a.txt", "1")
        archive.writestr("a.txt", "2")
    with pytest.raises(UnpackError, match=r"duplicate.*'a\.txt'"):
        go(tmp_path / "b", tmp_path / "out", keep=1)


@pytest.mark.parametrize("position", [100, -100])
def test_damaged(write, tmp_path, position):
    archive = write(tmp_path / "a", FILES)
    data = bytearray(archive.read_bytes())
    data[position] ^= 255
    archive.write_bytes(data)
    with pytest.raises(DamagedError, match=r"a: .*(damaged|neither).*; delete it and download it again"):
        go(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damage_in_an_archive_in_it(write, tmp_path):
    inner = write(tmp_path / "inner", FILES).read_bytes()[:-600]
    archive = write(tmp_path / "a", {"wave.rar": inner})
    with pytest.raises(DamagedError, match=r"a: .*'wave\.rar' is damaged \(.*\); delete it and download it again"):
        go(archive, tmp_path / "out")


@pytest.mark.parametrize(
    ("write", "words"),
    [(write_zip, r"a: truncated ZIP archive \([\d,]+ bytes"), (write_rar, "damaged")],
)
def test_cut_short(write, words, tmp_path):
    archive = write(tmp_path / "a", FILES)
    archive.write_bytes(archive.read_bytes()[:-600])
    with pytest.raises(DamagedError, match=rf"{words}.*; delete it and download it again"):
        go(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_archive(tmp_path):
    (tmp_path / "page.rar").write_bytes(b"<!DOCTYPE html><html>")
    with pytest.raises(UnpackError, match=r"neither ZIP nor RAR \(starts with b'<!DOCTYPE html><'\)"):
        go(tmp_path / "page.rar", tmp_path / "out")
    with pytest.raises(UnpackError, match="no such file"):
        go(tmp_path / "gone.rar", tmp_path / "out")
    with pytest.raises(UnpackError, match="contains no files"):
        go(write_zip(tmp_path / "empty.zip", {}), tmp_path / "out")


def test_encrypted(tmp_path):
    archive = write_zip(tmp_path / "a", {"a/b.avi": b"x"})
    data = archive.read_bytes()
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + flags
        data = data[:at] + bytes([data[at] | 1]) + data[at + 1 :]
    archive.write_bytes(data)
    with pytest.raises(UnpackError, match=r"'a/b\.avi' is encrypted"):
        go(archive, tmp_path / "out")


@pytest.mark.skipif(TOOLS["unar"] is TOOLS["unrar"] is None, reason="neither unar nor unrar on this machine")
def test_solid(tmp_path, monkeypatch):
    archive = write_rar(tmp_path / "a.rar", FILES, solid=True)
    assert go(archive, tmp_path / "out") == 4
    assert content(tmp_path / "out") == short(FILES, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rar", "out"]
    with pytest.raises(UnpackError, match="outside the target folder"):
        go(write_rar(tmp_path / "b.rar", {"../evil.avi": b"evil"}, solid=True), tmp_path / "deep" / "b")
    archive.write_bytes(archive.read_bytes().replace(b"Punch1Punch1", b"Punch1Lunch1", 1))
    with pytest.raises(UnpackError, match=r"a\.rar: (unrar|unar) cannot unpack it"):
        go(archive, tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()
    monkeypatch.setattr(archives, "check_unpacker", lambda: "bsdtar")
    with pytest.raises(UnpackError, match=r"solid RAR .* unrar, unar or 7z"):
        go(archive, tmp_path / "out2")


def stop_after(monkeypatch, number, error):
    """Let so many files be copied, then fail."""
    copy, lock, calls = shutil.copyfileobj, threading.Lock(), []

    def copyfileobj(*arguments):
        with lock:
            calls.append(arguments)
        if len(calls) > number:
            arguments[1].write(b"half")
            raise error
        copy(*arguments)

    monkeypatch.setattr(module.shutil, "copyfileobj", copyfileobj)
    return calls


def test_a_killed_run_is_gone_on_with(write, tmp_path, monkeypatch):
    archive = write(tmp_path / "a", FILES)
    with monkeypatch.context() as patch:
        stop_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            go(archive, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    calls = stop_after(monkeypatch, 99, None)
    assert go(archive, tmp_path / "out") == 4
    assert len(calls) == 2  # the other two were there
    assert content(tmp_path / "out") == short(FILES, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out"]


def test_another_archive_begins_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            go(write_zip(tmp_path / "a", FILES), tmp_path / "out", workers=1)
    other = {"UCF-101/Surfing/v_Surfing_g01_c01.avi": b"else"}
    assert go(write_zip(tmp_path / "b", other), tmp_path / "out", digest="def") == 1
    assert content(tmp_path / "out") == short(other, 2)


def test_the_disk_fills_up(write, tmp_path, monkeypatch):
    archive = write(tmp_path / "a", FILES)
    with monkeypatch.context() as patch:
        stop_after(patch, 2, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(UnpackError, match=r"No space left on device\); .*resume"):
            go(archive, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    assert go(archive, tmp_path / "out") == 4


def test_no_space(write, tmp_path, monkeypatch):
    total = sum(map(len, FILES.values()))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(UnpackError, match=rf"{total:,} bytes, .* 1,000 are free"):
        go(write(tmp_path / "a", FILES), tmp_path / "out")


@given(st.text(st.sampled_from("ab./\\: \0C"), max_size=12))
def test_safe_parts_stay_inside(name):
    try:
        parts = safe_parts(name)
    except ValueError:
        return
    assert parts
    for path in (os.path.join("/base", *parts), os.path.join("/base", name.replace("\\", "/"))):
        assert os.path.normpath(path).startswith("/base/")
    assert not any(set(part) & set("/\\\0") for part in parts)


def test_members_tell_sizes(write, tmp_path):
    with open_archive(write(tmp_path / "a", FILES)) as members:
        sizes = {"/".join(member.parts): member.size for member in members}
    assert sizes == {name: len(data) for name, data in FILES.items()}
