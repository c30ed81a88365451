"""Eight-bit weights: the error stays below half a step, and damaged files are refused."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.qc.weights_io import load_weights, save_weights


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    gains = np.array([1e-3, 1, 50, 0, 7])[:, None, None, None]
    return {
        "conv.weight": (rng.normal(size=(5, 3, 3, 3)) * gains).astype(np.float32),
        "matrix": rng.normal(size=(4, 9)).astype(np.float32),
        "norm.bias": rng.normal(size=5).astype(np.float32),
        "sharpness": np.array(0.37, dtype=np.float32),
        "norm.num_batches_tracked": np.array(2**40 + 1, dtype=np.int64),
    }


def test_weights_survive_to_half_a_step_of_their_channel(tmp_path):
    settings = {"width": 8, "name": "Größe"}
    save_weights(tmp_path / "w.npz", arrays(), settings)
    loaded, about = load_weights(tmp_path / "w.npz")
    assert about == settings
    assert loaded.keys() == arrays().keys()
    for name, before in arrays().items():
        after = loaded[name]
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
        if before.ndim < 2:
            np.testing.assert_array_equal(after, before)
            continue
        step = np.abs(before).reshape(len(before), -1).max(axis=1) / 127
        error = np.abs(after - before).reshape(len(before), -1).max(axis=1)
        assert (error <= 0.5001 * step + 1e-12).all()
        assert error.max() > 0, "not stored in eight bits at all"


def test_eight_bits_are_a_quarter_of_the_size(tmp_path):
    weight = np.random.default_rng(0).normal(size=(64, 64, 3, 3)).astype(np.float32)
    save_weights(tmp_path / "w.npz", {"w": weight}, {})
    assert (tmp_path / "w.npz").stat().st_size < 0.27 * weight.nbytes


def test_saving_twice_changes_nothing_more(tmp_path):
    save_weights(tmp_path / "a.npz", arrays(), {})
    once, _ = load_weights(tmp_path / "a.npz")
    save_weights(tmp_path / "b.npz", once, {})
    twice, _ = load_weights(tmp_path / "b.npz")
    for name, value in once.items():
        np.testing.assert_allclose(twice[name], value, rtol=1e-6)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - b for b in content[middle : middle + 40])
        + content[middle + 40 :]
    )


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "cut", "flipped", "foreign", "other"]
)
def test_damaged_files_are_refused_in_one_line(tmp_path, damage):
    file = tmp_path / "w.npz"
    save_weights(file, arrays(), {})
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "foreign":
        np.savez(file, weight=np.zeros(3))
    elif damage == "other":
        about = np.frombuffer(b'{"format": "regqc-weights-9", "settings": {}}', dtype=np.uint8)
        np.savez(file, __about__=about)
    else:
        changed = {
            "empty": b"",
            "text": b"weights",
            "cut": content[:200],
            "flipped": flipped(content),
        }
        file.write_bytes(changed[damage])
    with pytest.raises(InputError) as refused:
        load_weights(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)
