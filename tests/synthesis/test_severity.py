"""A severity is how much more of the change there is, whatever the sampler and its steps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from drawing_tasks import everywhere, gaussian, large, model, same, tasks

from flawsmith.config.schema import Config
from flawsmith.diffusion.samplers import sampler_names
from flawsmith.synthesis import sampling
from flawsmith.synthesis.sampling import draw


@pytest.mark.parametrize("name", sampler_names())
def test_a_severer_defect_is_further_from_the_normal(tiny: Callable[..., Config], name: str) -> None:
    config = tiny(generation={"steps": 4, "sampler": name})
    m = model(config)
    gaps = []
    for severity in (0.25, 0.5, 1.0, 2.0, 4.0):
        wanted = [replace(task, severity=severity) for task in (*tasks()[:3], large())]
        drawn = draw(m, wanted, config, "fp32")
        assert all(np.isfinite(d.image).all() for d in drawn)
        gaps.append(np.mean([np.abs(d.image - t.normal)[0][t.region].mean() for d, t in zip(drawn, wanted, strict=True)]))
    assert gaps == sorted(gaps) and gaps[0] < 0.7 * gaps[2] and gaps[4] > 1.3 * gaps[2], gaps


def test_severity_1_changes_no_bit_and_from_nothing_there_is_none(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(generation={"steps": 4})
    m = model(config)
    plain = draw(m, tasks(), config, "fp32")
    free = draw(m, [replace(tasks()[3], severity=3.0)], config, "fp32")[0]
    assert same(free, plain[3])
    monkeypatch.setattr(sampling, "_with_severity", lambda image, anomaly, *_: (image, anomaly))
    assert all(same(a, b) for a, b in zip(plain, draw(m, tasks(), config, "fp32"), strict=True))


@pytest.mark.parametrize("name", sampler_names())
@pytest.mark.parametrize("dual", [True, False])
def test_severity_is_how_much_more_of_the_change_whatever_the_steps(dual: bool, name: str, tiny: Callable[..., Config]) -> None:
    found = {}
    for steps in (12, 20, 100):
        settings: dict[str, object] = {"steps": steps, "sampler": name, "anchor": 0.0, "guidance": 1.0}
        config = tiny(diffusion={"prediction": "x"}, generation=settings, model={"dual": dual})
        m = model(config)
        m.forward = gaussian(m, 0.3, 0.1)  # type: ignore[method-assign]
        for severity in (0.5, 1.0, 2.0):
            (d,) = draw(m, everywhere(1, True, severity=severity), config, "fp32")
            found[steps, severity] = float(d.image.mean())
            assert np.allclose(d.anomaly[0][d.mask > 0.5], d.image[0][d.mask > 0.5]) or dual, "a single branch's anomaly is its image"
    for (steps, severity), mean in found.items():
        assert mean == pytest.approx(0.3 * severity, rel=0.05), (steps, severity)
        assert mean == pytest.approx(severity * found[steps, 1.0], rel=1e-3), (steps, severity)
