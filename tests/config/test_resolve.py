"""The configuration: what wins, what is refused, and that it survives being written."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.config.presets import PRESETS
from flawsmith.config.resolve import dump, from_dict, override, preset, resolve, to_dict
from flawsmith.config.schema import GROUPS, Config, json_schema
from flawsmith.core.errors import ConfigError


def test_defaults_are_the_tiny_preset() -> None:
    assert resolve() == Config() == preset("tiny")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_carries_its_name(name: str) -> None:
    assert preset(name).preset == name


def test_settings_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("preset: small\ntraining: {batch: 7, steps: 70}\n")
    resolved = resolve(None, file, ["training.steps=9"])
    small = preset("small")
    assert (resolved.training.steps, resolved.training.batch) == (9, 7)
    assert resolved.training.warmup == small.training.warmup != Config().training.warmup
    assert resolved.model == small.model


def test_a_named_preset_wins_over_the_one_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("preset: small\n")
    assert resolve("tiny", file) == preset("tiny")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert resolve(None, file) == Config()


@pytest.mark.parametrize("name", PRESETS)
def test_dump_is_taken_back(name: str, tmp_path: Path) -> None:
    changed = resolve(name, None, ["training.learning_rate=3e-5", "model.saim_rank=8", "data.flips=false"])
    file = tmp_path / "config.yaml"
    file.write_text(dump(changed))
    assert resolve(None, file) == changed
    assert from_dict(to_dict(changed)) == changed


@settings(deadline=None)
@given(st.integers(1, 10**6), st.floats(1e-9, 1.0), st.booleans(), st.text())
def test_dump_is_taken_back_for_any_values(steps: int, rate: float, flips: bool, prompt: str) -> None:
    base = Config()
    changed = dataclasses.replace(
        base,
        training=dataclasses.replace(base.training, steps=steps, learning_rate=rate),
        data=dataclasses.replace(base.data, flips=flips),
        model=dataclasses.replace(base.model, prompt_good=prompt),
    )
    assert from_dict(yaml.safe_load(dump(changed))) == changed


@pytest.mark.parametrize(
    ("setting", "nearest"),
    [
        ("training.step=5", "training.steps"),
        ("training.learningrate=1", "training.learning_rate"),
        ("model.widht=32", "model.width"),
        ("generation.guidence=2", "generation.guidance"),
        ("trainng.steps=5", r"Did you mean training\?"),
        ("steps=5", r"\.steps"),
    ],
)
def test_an_unknown_key_names_the_nearest(setting: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"no such configuration key.*{nearest}"):
        resolve(settings=[setting])


def test_an_unknown_key_in_a_file_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("quality: {consistensy: 0.5}\n")
    with pytest.raises(ConfigError, match=r"quality\.consistensy.*quality\.consistency"):
        resolve(None, file)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("training.steps=many", "expected a whole number"),
        ("training.steps=1.5", "expected a whole number"),
        ("training.steps=true", "expected a whole number"),
        ("training.learning_rate=fast", "expected a number"),
        ("data.flips=1", "expected true or false"),
        ("model.backbone=3", "expected text"),
        ("training=5", "expected a group of keys"),
        ("training.steps", "expected KEY=VALUE"),
        ("training.steps=[1", "not YAML"),
        ("preset=huge", "expected one of tiny, small"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(setting: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        resolve(settings=[setting])


@pytest.mark.parametrize(
    "setting",
    [
        "model.width=100",
        "model.bcm=true",
        "model.interaction=joint",
        "generation.exemplars=9",
        "data.split=half",
        "data.window=8",
        "data.good_share=1",
        "data.brightness=-0.1",
        "model.depth=0",
        "model.pixels=0",
        "model.interaction=sometimes",
        "model.saim_rank=-1",
        "diffusion.prediction=y",
        "diffusion.rho=1.1",
        "diffusion.min_time=0",
        "diffusion.token_dropout=1",
        "training.steps=-1",
        "training.minutes=-1",
        "training.batch=0",
        "training.learning_rate=0",
        "training.learning_rate=.nan",
        "training.warmup=-1",
        "training.clip=-1",
        "training.ema=1",
        "training.log_every=0",
        "training.precision=fp8",
        "training.keep=-1",
        "generation.steps=0",
        "generation.attempts=-1",
        "generation.start=0",
        "generation.placement=anywhere",
        "quality.change=0",
        "diffusion.token_noise=-1",
        "diffusion.free_share=2",
        "generation.feather=-1",
        "generation.shape_until=1.1",
        "generation.anchor=-0.1",
        "generation.token_noise=-0.1",
        "generation.free_shapes=2",
        "generation.composed_shapes=-1",
        "generation.max_windows=-1",
        "model.cells=4",
        "model.tokens=0",
        "training.pieces=3",
        "training.latents=8",
        "training.minutes=.inf",
        "quality.consistency=1.5",
        "quality.outside=-0.1",
        "quality.duplicate=1.1",
        "quality.margin=-1",
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(setting: str) -> None:
    key = setting.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"{key}: got .*, expected "):
        resolve(settings=[setting])


def test_a_limit_of_0_is_no_limit() -> None:
    limits = ("training.steps", "training.clip", "training.keep", "training.memory", "generation.attempts", "generation.max_windows")
    for limit in limits:
        assert getattr(getattr(resolve(settings=[f"{limit}=0"]), limit.split(".")[0]), limit.split(".")[1]) == 0
    with pytest.raises(ConfigError, match=r"training\.steps: got 0, expected a limit, as training\.minutes is 0 \(no limit\), too"):
        resolve(settings=["training.steps=0", "training.minutes=0"])


def test_an_error_says_what_the_key_means() -> None:
    with pytest.raises(ConfigError, match=r"^training\.minutes: got -1, expected a number of at least 0\. Meaning: wall-clock minutes"):
        resolve(settings=["training.minutes=-1"])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("generation.invented=0.1", "generation.free_shapes"),
        ("generation.joined=0.1", "generation.composed_shapes"),
        ("generation.canvas=2", "generation.max_windows"),
        ("generation.tones=0.1", "generation.snap"),
        ("quality.agreement=0.1", "quality.consistency"),
        ("model.prompt_whole=a", "model.prompt_image"),
        ("model.prompt_part=a", "model.prompt_anomaly"),
        ("generation.sampler=renewed", "renoise"),
    ],
)
def test_what_had_another_name_is_told_the_new_one(setting: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"is called {told} now"):
        resolve(settings=[setting])


@pytest.mark.parametrize("setting", ["network=unet", "codec=unshuffle", "channels=[32, 64]", "layers=1", "attention_levels=1"])
def test_what_is_gone_is_told_so(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"^model\.\w+: is gone with the UNet from scratch; leave it out\..*model\.width"):
        resolve(settings=[f"model.{setting}"])


def test_values_are_checked_wherever_an_object_is_made() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        dataclasses.replace(Config().training, batch=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().training.batch = 3  # type: ignore[misc]


def test_the_json_schema_describes_every_key_with_its_range() -> None:
    schema = json_schema()
    for name, group in GROUPS.items():
        keys = schema["$defs"][group.__name__]["properties"]
        assert name in schema["properties"] and set(keys) == {f.name for f in dataclasses.fields(group)}
        for key, told in keys.items():
            assert len(told["description"]) > 3, key
            if told.get("type") in ("integer", "number") and key not in ("seed", "time_mean"):
                assert told.keys() & {"minimum", "exclusiveMinimum"}, key
    defaults = {key: value["default"] for key, value in schema["$defs"]["TrainingConfig"]["properties"].items()}
    assert defaults == to_dict(Config())["training"]


def test_numbers_that_yaml_reads_as_text_are_understood() -> None:
    assert resolve(settings=["training.learning_rate=1e-4"]).training.learning_rate == 1e-4
    assert resolve(settings=["training.learning_rate=1"]).training.learning_rate == 1.0


@pytest.mark.parametrize("content", ["[1, 2]", "just text", "a: [", b"\xff\xfe\x00"])
def test_a_file_that_is_no_configuration_is_refused_by_name(content: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        resolve(None, file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such"):
        resolve(None, tmp_path / "nowhere.yaml")


def test_override_keeps_the_rest() -> None:
    base = resolve("small", None, ["training.batch=3"])
    changed = override(base, ["generation.steps=5", "quality.consistency=0.1"], ("generation", "quality"))
    assert (changed.generation.steps, changed.quality.consistency) == (5, 0.1)
    assert (changed.training, changed.model, changed.preset) == (base.training, base.model, "small")


@pytest.mark.parametrize("setting", ["model.cells=16", "training.steps=5", "preset=small"])
def test_override_refuses_other_groups(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one of generation\.\*, quality\.\*"):
        override(Config(), [setting], ("generation", "quality"))
