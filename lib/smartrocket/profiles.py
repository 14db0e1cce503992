"""Profiles: one YAML file a shop in `params/`, strictly checked, resolved into each notebook's parameters."""

import difflib
import re
import reprlib
from collections.abc import Hashable
from copy import deepcopy
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from smartrocket.errors import InputError
from smartrocket.files import ROOT
from smartrocket.shop_design import ShopDesign

PARAMS = ROOT / "params"
# Whoever has more to mend reads no further.
MOST_PROBLEMS = 12
# Control characters, and halves of a character, which no file can hold.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Of a range that is searched.
MOST_STEPS = 1_000_000


class Strict(BaseModel):
    """A section of a profile: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, allow_inf_nan=False)


def known_time_zone(name: str) -> str:
    """Return the name of a time zone, if the time zone database has it. Raises ValueError otherwise."""
    # The zone of this machine, whichever that is, is none that another one would know.
    known = available_timezones() - {"localtime"}
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        raise ValueError(f"no such time zone{f', did you mean {nearest[0]!r}' if nearest else ''}")
    return name


def to_moment(day: date | datetime) -> datetime:
    """Return a date, at midnight, or a time as a time in UTC."""
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def in_calendar(day: date | datetime) -> date | datetime:
    """Return a day or time of the years that a log may be of. Raises ValueError for another."""
    if not 1990 <= day.year < 2100:
        raise ValueError("must lie in the years from 1990 to 2099")
    return day


def writable(text: str) -> str:
    """Return a text that can be written to a file and shown. Raises ValueError for one with control characters."""
    if UNWRITABLE.search(text):
        raise ValueError("must be text without control characters")
    return text


Day = Annotated[date, AfterValidator(in_calendar)]
Moment = Annotated[date | datetime, AfterValidator(in_calendar)]
Count = Annotated[int, Field(ge=1, le=10**9)]
# Beyond these the calendar ends: no log is longer than some thirty years, and no pause in a visit than a year.
Days = Annotated[int, Field(ge=1, le=11_000)]
Weeks = Annotated[int, Field(ge=1, le=1_500)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]
# Beyond these no machine has the memory.
Size = Annotated[int, Field(ge=1, le=10_000)]
Batch = Annotated[int, Field(ge=1, le=1_000_000)]
Folds = Annotated[int, Field(ge=1, le=100)]
Text = Annotated[str, AfterValidator(writable)]
# A file's or folder's name that no system has is none.
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Folder = Annotated[Text, Field(max_length=4000)]
Rate = Annotated[float, Field(gt=0, le=10)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Column = Literal["timestamp", "visitorid", "event", "itemid", "transactionid"]
EventType = Literal["view", "addtocart", "removefromcart", "transaction"]


class Choices(Strict):
    """Some of a list of values, in a search space."""

    choices: Annotated[list[str | int | float | bool], Field(min_length=1)]

    def ends(self) -> list:
        """Return all values that may be tried."""
        return self.choices


class Range(Strict):
    """A range of numbers, in a search space; `log`: equally likely by ratio."""

    low: float
    high: float
    log: bool = False
    integer: bool = False
    step: Positive | None = None

    @model_validator(mode="after")
    def check_ends(self) -> Self:
        """Refuse a range that holds nothing, and a logarithm of what has none."""
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) must not be above high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low:g}) must be above 0 where log is true")
        if self.log and self.step is not None:
            raise ValueError("step and log cannot be had together: leave one out")
        if self.integer and not all(value.is_integer() for value in (self.low, self.high, self.step or 1.0)):
            raise ValueError("low, high and step must be whole numbers where integer is true")
        if self.step is not None and not (self.high - self.low) / MOST_STEPS <= self.step:
            raise ValueError(f"step ({self.step:g}) must not divide the range into more than {MOST_STEPS:,} parts")
        return self

    def ends(self) -> list:
        """Return the two ends."""
        return [int(end) if self.integer else end for end in (self.low, self.high)]


INTERVALS = {"Choices": Choices, "Range": Range}


def tell_interval(value: Any) -> str:
    """Tell which of the two is meant, so that what is wrong with it is not said of the other."""
    return "Choices" if isinstance(value, Choices) or (isinstance(value, dict) and "choices" in value) else "Range"


Interval = Annotated[Annotated[Choices, Tag("Choices")] | Annotated[Range, Tag("Range")], Discriminator(tell_interval)]


class Boosting(Strict):
    """LightGBM's settings. LightGBM itself would drop a misspelt one in silence.

    `monotone` is ours: it stands for a constraint on each feature, see `smartrocket.forecasting.direct`.
    """

    objective: Literal["poisson", "tweedie"] | None = None
    tweedie_variance_power: Annotated[float, Field(ge=1, lt=2)] | None = None
    learning_rate: Rate | None = None
    num_leaves: Annotated[int, Field(ge=2, le=131_072)] | None = None
    max_depth: Annotated[int, Field(ge=-1, le=10**6)] | None = None
    min_data_in_leaf: Annotated[int, Field(ge=0, le=10**9)] | None = None
    feature_fraction: Annotated[float, Field(ge=0.01, le=1)] | None = None
    bagging_fraction: Annotated[float, Field(ge=0.01, le=1)] | None = None
    bagging_freq: Annotated[int, Field(ge=0, le=10**9)] | None = None
    lambda_l1: Annotated[float, Field(ge=0)] | None = None
    lambda_l2: Annotated[float, Field(ge=0)] | None = None
    max_bin: Annotated[int, Field(ge=2, le=65_535)] | None = None
    monotone: bool | None = None


class Network(Strict):
    """The settings of GRU4Rec; what they mean stands at `smartrocket.gru4rec.Settings`."""

    units: Size | None = None
    tied: bool | None = None
    loss: Literal["cross-entropy", "bpr-max"] | None = None
    epochs: Count | None = None
    batch_clicks: Batch | None = None
    longest_session: Annotated[int, Field(ge=2, le=10**9)] | None = None
    learning_rate: Rate | None = None
    final_rate: Share | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    embedding_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    hidden_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    negatives: Batch | None = None
    sampling_power: Share | None = None
    logq: Share | None = None
    bpr_regularisation: Annotated[float, Field(ge=0)] | None = None
    elu: Annotated[float, Field(ge=0)] | None = None


def search_space(settings: type[Strict]) -> Any:
    """Return the type of a search space: settings by name, each with values that the settings allow."""

    def check_values(space: dict[str, Interval]) -> dict[str, Interval]:
        for name, interval in space.items():
            for value in interval.ends():
                try:
                    settings.model_validate({name: value})
                except ValidationError as error:
                    whole = isinstance(interval, Range) and error.errors()[0]["type"] == "int_type"
                    hint = "; say integer: true" if whole else ""
                    raise ValueError(f"{name} cannot be {value!r}: {error.errors()[0]['msg']}{hint}") from None
        return space

    names = Literal[tuple(settings.model_fields)]
    return Annotated[dict[names, Interval], AfterValidator(check_values)]


class Shop(Strict):
    """What the report calls the shop, and whether the library makes it up."""

    title: Text | None
    generate: ShopDesign | None


class Raw(Strict):
    """Where the raw files lie and how they name their columns."""

    folder: Folder | None
    events: Name
    properties: list[Name]
    category_tree: Name
    columns: dict[Column, Text]


class Shared(Strict):
    """What several notebooks use."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    threads: Annotated[int, Field(ge=1, le=1024)]
    engine: Literal["duckdb", "spark"]
    memory_limit: Annotated[str, Field(pattern=r"^([1-9]\d{0,5}(\.\d+)?|0\.\d*[1-9]\d*)(MB|GB)$")]
    time_zone: Annotated[str, AfterValidator(known_time_zone)]
    session_gap_minutes: Minutes
    horizon_days: Annotated[int, Field(ge=1, le=28)]
    category_property: Text
    price_property: Text
    smallest_group: Count

    @field_validator("price_property")
    @classmethod
    def check_price(cls, name: str, known: ValidationInfo) -> str:
        """Refuse a property that holds the category already."""
        if known.data.get("category_property") == name:
            raise ValueError(f"must be another property than category_property ({name})")
        return name


class Eda(Strict):
    """Notebook 01 takes shared parameters only."""


class Cleaning(Strict):
    """Notebook 02."""

    availability_property: Text
    name_property: Text
    window_start: Moment | None
    window_end: Moment | None
    bot_events_per_day: Count | None

    @field_validator("name_property")
    @classmethod
    def check_name(cls, name: str, known: ValidationInfo) -> str:
        """Refuse a property that tells whether an item is available."""
        if known.data.get("availability_property") == name:
            raise ValueError("must be another property than that of availability_property")
        return name

    @field_validator("window_end")
    @classmethod
    def check_window(cls, end: Moment | None, known: ValidationInfo) -> Moment | None:
        """Refuse a window that ends before it starts."""
        start = known.data.get("window_start")
        if start is not None and end is not None and to_moment(start) >= to_moment(end):
            raise ValueError(f"must be later than window_start, which is {start}")
        return end


class Features(Strict):
    """Notebook 03."""

    panel_entry_events: Annotated[list[EventType], Field(min_length=1)]
    sequence_gap_minutes: Minutes
    min_session_length: Annotated[int, Field(ge=2, le=10**9)]
    min_item_support: Count
    test_days: Days
    related_half_life_days: Positive
    related_items: Count


class ForecastBaseline(Strict):
    """Notebook 04."""

    test_weeks: Weeks
    check_weeks: Weeks
    test_start: Day | None
    check_start: Day | None
    breaks: list[Day] | None
    train_stride_days: Days
    train_rows: Count | None
    average_days: Days
    min_test_units: Count
    resamples: Size
    trees: Count
    patience: Count
    boosting: Boosting


class ForecastTuning(Strict):
    """Notebook 05."""

    trials: Count
    timeout_seconds: Positive | None
    search_score: Literal["poisson_deviance", "squared_error"]
    folds: Folds
    fold_days: Days
    train_stride_days: Days
    train_rows: Count | None
    final_stride_days: Days
    trees: Count
    patience: Count
    must_keep_promises: bool
    search_space: search_space(Boosting)


class Gru4recBaseline(Strict):
    """Notebook 06."""

    network: Network
    blend_weight: Share
    recent_days: Days
    examples: Count
    min_test_clicks: Count
    hit_rate_ceiling: Share
    ratio_ceiling: Share
    stop_when_implausible: bool
    device: Literal["cpu", "cuda"]


class Gru4recTuning(Strict):
    """Notebook 07."""

    search_space: search_space(Network)
    trials: Count
    search_epochs: Count
    search_share: Share
    search_clicks: Count
    finalists: Count
    stan_trials: Count
    audit_clicks: Count
    validation_days: Days
    timeout_seconds: Positive | None
    min_test_clicks: Count
    hit_rate_ceiling: Share
    ratio_ceiling: Share
    stop_when_implausible: bool
    device: Literal["cpu", "cuda"]


class Profile(Strict):
    """A whole profile: params/defaults.yaml with what the profile's own file changes."""

    shop: Shop
    raw: Raw
    shared: Shared
    eda: Eda = Field(alias="01_eda")
    cleaning: Cleaning = Field(alias="02_cleaning")
    features: Features = Field(alias="03_features")
    forecast_baseline: ForecastBaseline = Field(alias="04_forecast_lightgbm")
    forecast_tuning: ForecastTuning = Field(alias="05_forecast_tuning")
    gru4rec_baseline: Gru4recBaseline = Field(alias="06_gru4rec_baseline")
    gru4rec_tuning: Gru4recTuning = Field(alias="07_gru4rec_tuning")

    @field_validator("cleaning")
    @classmethod
    def check_properties(cls, cleaning: Cleaning, known: ValidationInfo) -> Cleaning:
        """Refuse a property of the items that is that of their category or price."""
        shared = known.data.get("shared")
        for name in ("availability_property", "name_property"):
            for other in ("category_property", "price_property"):
                taken = getattr(shared, other, None)
                if getattr(cleaning, name) == taken:
                    raise ValueError(f"{name} must be another property than shared.{other} ({taken})")
        return cleaning


# The shared parameters that each notebook takes beside its own.
NOTEBOOKS = {
    "01_eda": [
        "time_zone",
        "session_gap_minutes",
        "category_property",
        "price_property",
        "smallest_group",
        "engine",
        "memory_limit",
        "threads",
    ],
    "02_cleaning": ["category_property", "price_property", "smallest_group", "engine", "memory_limit", "threads"],
    "03_features": [
        "time_zone",
        "session_gap_minutes",
        "horizon_days",
        "smallest_group",
        "engine",
        "memory_limit",
        "threads",
    ],
    "04_forecast_lightgbm": ["seed", "threads"],
    "05_forecast_tuning": ["smallest_group", "seed", "threads"],
    "06_gru4rec_baseline": ["smallest_group", "seed", "memory_limit", "threads"],
    "07_gru4rec_tuning": ["smallest_group", "seed", "memory_limit", "threads"],
}


SECTIONS = {field.alias or name for name, field in Profile.model_fields.items()}


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key given twice is an error, not a silent override.

    The loader in C is faster, and ends the process where brackets stand in brackets without end.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Build a mapping. Raises a YAML error for a key given twice, and for one that takes over other keys."""
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag.endswith(":merge"):
                told = "'<<' takes over no keys here; write them out"
                raise yaml.constructor.ConstructorError(None, None, told, key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key is no plain text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def list_profiles() -> list[str]:
    """Return the names of the profiles in `params/`."""
    return sorted(path.stem for path in PARAMS.glob("*.yaml") if path.stem != "defaults")


def load_profile(name: str) -> Profile:
    """Read `params/defaults.yaml`, change it by `params/<name>.yaml`, and check the whole.

    Raises InputError that names the file, the key and, for an unknown key, the nearest known one.
    """
    if name not in list_profiles():
        nearest = difflib.get_close_matches(name, list_profiles(), n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        raise InputError(f"there is no profile {name!r}: {hint}params/ has {', '.join(list_profiles())}.")
    return check_profile(PARAMS / f"{name}.yaml")


def check_profile(path: Path) -> Profile:
    """Read one profile's file on top of the defaults, and check the whole, as `load_profile` does."""
    content = read_yaml(path)
    merged = read_yaml(PARAMS / "defaults.yaml")
    for section, values in content.items():
        if isinstance(values, dict) and isinstance(merged.get(section), dict):
            merged[section] = {**merged[section], **combine(merged[section], values)}
        elif values is not None:
            merged[section] = values
    try:
        return Profile.model_validate(merged)
    except ValidationError as error:
        problems = sorted({explain(problem, path, content) for problem in error.errors()})
        more = [f"and {len(problems) - MOST_PROBLEMS} more."] if len(problems) > MOST_PROBLEMS else []
        raise InputError("\n".join(problems[:MOST_PROBLEMS] + more)) from None


def combine(usual: dict, changes: dict) -> dict:
    """Return the changes, a group such as `network` completed by the usual values; a search space stays as given."""
    return {
        key: {**usual[key], **value}
        if key != "search_space" and isinstance(value, dict) and isinstance(usual.get(key), dict)
        else value
        for key, value in changes.items()
    }


@lru_cache(maxsize=8)
def parse_yaml(text: str) -> Any:
    """Return what a YAML text holds. Kept, since the defaults are read with each profile, and take a tenth of a second.

    Raises a YAML error, or whatever else reading one of its values raises.
    """
    return yaml.load(text, UniqueKeyLoader)


def read_yaml(path: Path) -> dict:
    """Read a YAML file of sections. Raises InputError that names the file and the line."""
    shown = name_file(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = deepcopy(parse_yaml(text))
    except OSError as error:
        raise InputError(f"{shown} cannot be read ({error.strerror}): put a file of sections there.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{shown} is not a UTF-8 text file: save it as UTF-8.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"{shown}, line {line}: holds the sign U+{error.character:04X}, which no text needs; take it out."
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{shown}{place}: {getattr(error, 'problem', error)}; mend the YAML there.") from error
    except (ValueError, RecursionError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        # A date such as 2015-13-45, brackets in brackets without end, or `!!int` before what is none.
        raise InputError(f"{shown} holds a value that cannot be read ({error}): mend the YAML there.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{shown} must hold sections such as 'shared:', not {type(content).__name__}.")
    return content


def name_file(path: Path) -> str:
    """Return a path as a user of the project writes it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def explain(problem: dict, path: Path, content: dict) -> str:
    """Say in one sentence what is wrong with a profile: file, key, and what to do."""
    place = [part for part in problem["loc"] if is_key(part)]
    section = content.get(place[0])
    own = place[0] in content and (len(place) == 1 or not isinstance(section, dict) or place[1] in section)
    shown = name_file(path if own or place[0] not in SECTIONS else PARAMS / "defaults.yaml")
    if problem["type"] == "value_error" and not own:
        # Two keys contradict each other, of which the profile names one and the defaults the other.
        shown = f"{name_file(path)} with {shown}"
    key = ".".join(map(str, place))
    if problem["type"] == "extra_forbidden" or problem["loc"][-1] == "[key]":
        interval = next((INTERVALS[part] for part in problem["loc"] if part in INTERVALS), None)
        known = list(interval.model_fields) if interval else list_keys(place[:-1])
        known = known or re.findall(r"'(.+?)'", problem.get("ctx", {}).get("expected", ""))
        nearest = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.4)
        where = f"under {'.'.join(map(str, place[:-1]))}" if place[:-1] else "at the top"
        if place[0] != "shared" and place[-1] in Shared.model_fields:
            return f"{shown}: unknown key {str(place[-1])!r} {where}; it belongs under shared."
        remedy = f"did you mean {nearest[0]!r}?" if nearest else f"known there: {', '.join(known) or 'nothing'}."
        return f"{shown}: unknown key {str(place[-1])!r} {where}; {remedy}"
    if problem["type"] == "missing":
        return f"{shown}: {key} is missing; give it a value."
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], dict) and problem["type"] == "value_error":
        return f"{shown}: {key}: {message}."
    try:
        given = reprlib.repr(problem["input"])
    except ValueError:
        # Python writes no number of more than 4,300 digits.
        given = "a number of thousands of digits"
    return f"{shown}: {key} is {given}; {message[0].lower()}{message[1:]}."


def is_key(part: str | int) -> bool:
    """Tell a key of the file from the marks that pydantic adds for the options of a union."""
    marks = {"[key]", *INTERVALS, "str", "int", "float", "bool", "date", "datetime"}
    return isinstance(part, int) or not (part in marks or part.startswith("function-after["))


def list_keys(place: list) -> list[str]:
    """List the keys that a profile knows at a place such as ["shop", "generate"]."""
    model: Any = Profile
    for part in place:
        fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
        annotation = fields[part].annotation if part in fields else None
        options = [annotation, *get_args(annotation)]
        model = next((each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def resolve(profile: Profile, name: str, title: str) -> dict[str, dict]:
    """Return the parameters of each notebook: name of the notebook -> name of the parameter -> plain value."""
    # Only ranges of a search space have defaults; what they leave out stays out.
    values = profile.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    raw = values["raw"] | {"folder": values["raw"]["folder"] or f"build/{name}/raw"}
    resolved = {}
    for notebook, shared in NOTEBOOKS.items():
        parameters = {"build": f"build/{name}", "shop": title}
        if notebook == "01_eda":
            parameters["raw"] = raw
        parameters |= {key: values["shared"][key] for key in shared}
        resolved[notebook] = parameters | values[notebook]
    return resolved
