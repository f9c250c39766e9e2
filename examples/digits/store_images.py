#!/usr/bin/env python3
"""Stores scikit-learn's handwritten digits for the examples that train: python examples/digits/store_images.py -> images.npz

1797 grey images of 8 by 8 pixels, values 0 to 16, with their labels: the test part of "Optical Recognition of Handwritten Digits",
E. Alpaydin and C. Kaynak, UCI Machine Learning Repository (CC BY 4.0), as scikit-learn (BSD 3-Clause) hands it out.
Run it only to make the committed file again; it needs scikit-learn, which the examples do not.
"""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
np.savez_compressed(
    pathlib.Path(__file__).resolve().parent / "images.npz",
    images=digits.images.astype(np.uint8),
    labels=digits.target.astype(np.uint8),
)
