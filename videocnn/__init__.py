"""videocnn: large-scale video classification with CNNs in Keras, after Karpathy et al. (CVPR 2014).

Importing the package is cheap: TensorFlow is loaded by the modules that need it
(`videocnn.models`, `videocnn.clips`, ...), never by this one.
"""

__version__ = "0.1.0"
