"""What the server does with one machine's clips, without its database: state, baseline, decision, learning.

The rules are the server's own: whatever of them is a pure function or a constant is called or read from
`acoustics`, so that a changed rule changes the evaluation too. What is repeated here is only which stored
rows its queries would find.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.acoustics import consequences
from signalcraft.acoustics.learning import refitting, states, trials
from signalcraft.acoustics.learning.fitting import Loaded
from signalcraft.acoustics.surroundings import CYCLES_OVER, from_cycles
from signalcraft.anomaly import FEATURES_OF, BaselineError, decision, drift, learn, operation, runstate
from signalcraft.anomaly.decision import Assessed
from signalcraft.anomaly.diagnosis.combined import diagnose, diagnose_unheard
from signalcraft.anomaly.diagnosis.conditions import UNKNOWN as UNKNOWN_CONDITION
from signalcraft.anomaly.surroundings import UNKNOWN, Surroundings
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS

BASELINE_CLIPS = 60
"""As the server's setting has it."""


@dataclass
class Clip:
    """One clip as it would be stored. features: of the server's set, judged: of the detector's, which is the
    same for the current one. group: which baseline it belongs to. assessed: None where none was there.
    condition: what is wrong, as diagnosed. raised: an alarm stood on it. opened, named: severity and
    condition of one that it opened. alarmed: heard while one was open."""

    at: float
    features: NDArray[np.float32]
    judged: NDArray[np.float32]
    surroundings: Surroundings
    state: str
    group: str | None
    learnable: bool = False
    assessed: Assessed | None = None
    condition: str | None = None
    raised: bool = False
    opened: str | None = None
    named: str | None = None
    alarmed: bool = False


@dataclass(frozen=True)
class _Baseline:
    loaded: Loaded
    clips: int
    made_at: float
    last_heard_at: float


@dataclass
class Follower:
    """One machine. open: families of conditions with an open alarm. Clips are heard in the order of
    recording; nobody dismisses an alarm or labels a clip."""

    detector: str
    clips: list[Clip] = field(default_factory=list)
    baselines: dict[str, _Baseline] = field(default_factory=dict)
    open: frozenset[frozenset[str]] = frozenset()
    _states: runstate.StateModel | None = None
    _states_clips: int = 0
    _is_wary: bool = False
    _next_refit: float = 0.0

    def copy(self) -> "Follower":
        """One that goes on by itself."""
        return replace(self, clips=[replace(clip) for clip in self.clips], baselines=dict(self.baselines))

    def hear(
        self,
        at: float,
        features: NDArray[np.float32],
        sensors: Surroundings = UNKNOWN,
        *,
        judged: NDArray[np.float32] | None = None,
    ) -> Clip:
        """Take the next clip: tell its state, judge it, raise or clear, learn."""
        self._refit_if_old(at)
        known = self._surroundings(at, sensors)
        clip = self._placed(
            Clip(at, features, features if judged is None else judged, known, "unknown", None)
        )
        self.clips.append(clip)
        baseline = self.baselines.get(clip.group) if clip.group is not None else None
        if baseline is None:
            clip.learnable = clip.group is not None
        else:
            self._judge(clip, baseline)
            self._decide(clip)
        self._follow_operation(clip)
        if self.open:
            clip.learnable = False
        clip.alarmed = bool(self.open)
        self._learn_states(clip)
        if clip.learnable and clip.group is not None:
            self._learn(clip.group, at)
        return clip

    def _surroundings(self, at: float, sensors: Surroundings) -> Surroundings:
        """With what the machine's earlier states tell, as `acoustics.surroundings.at_clip` has it."""
        since = at - CYCLES_OVER.total_seconds()
        told = [(clip.at, clip.state) for clip in self.clips[-_MOST_STATES:] if clip.at >= since]
        cycles = runstate.cycles(told)
        newest = next(((when, state) for when, state in reversed(told) if state != "unknown"), None)
        return replace(
            sensors,
            **from_cycles(cycles),
            previous_state=newest[1] if newest is not None and newest[0] >= at - runstate.RECENT_S else None,
        )

    def _placed(self, clip: Clip) -> Clip:
        """In its state and group, by the states as they are known now."""
        heard = runstate.estimate(
            self._states, clip.features, FEATURE_SETS[FEATURES].names(), clip.surroundings
        )
        clip.state = heard.state
        clip.group = _compared_as(self._states, heard)
        return clip

    def _judge(self, clip: Clip, baseline: _Baseline) -> None:
        """As `acoustics.judgement.judge`, without an explanation."""
        loaded = baseline.loaded
        found = loaded.assess(clip.judged)
        between = operation.is_between_states(
            float(clip.features[_HUM_STEP]), clip.surroundings.previous_state
        )
        _, high = getattr(found, "tail_interval", (None, None))
        tail = decision.believed(found.tail_probability, high, clips=baseline.clips)
        clip.assessed = Assessed(found.ratio, found.grave and not between, tail)
        unheard = None
        if operation.may_start_too_often(clip.surroundings.starts_per_hour):
            unheard = diagnose_unheard(clip.surroundings, loaded.surroundings)
        if unheard is not None and not clip.assessed.anomalous:
            clip.condition = unheard.condition
        elif clip.assessed.unusual:
            clip.condition = diagnose(
                clip.judged,
                loaded.fitted,
                FEATURE_SETS[FEATURES_OF[self.detector]].names(),
                clip.surroundings,
                usual_surroundings=loaded.surroundings,
            ).condition

    def _decide(self, clip: Clip) -> None:
        """As `acoustics.consequences.follow`."""
        recent = [one.assessed for one in self._assessed(decision.WINDOW) if one.assessed is not None]
        decided = decision.decide(recent)
        clip.learnable = drift.may_learn(recent[-1], decided.sum)
        self._is_wary = drift.is_wary(decided.sum)
        if decided.action == "raise":
            self._raise(clip, clip.condition or UNKNOWN_CONDITION, decided.severity or "high")
        elif decided.action == "clear":
            self.open -= {consequences.FAMILIES[0]}

    def _follow_operation(self, clip: Clip) -> None:
        """As `acoustics.consequences.follow_operation`."""
        since = clip.at - operation.WITHIN_S
        states_told = [(one.at, one.state) for one in self.clips[-_MOST_STATES:] if one.at >= since]
        recent = self._assessed(consequences.OPERATION_WINDOW)[::-1]
        told = [one.condition if one.condition in consequences.OPERATION else None for one in recent]
        if operation.is_left_open(states_told):
            slope = clip.surroundings.temperature_slope_c_per_min
            self._raise(clip, operation.DOOR_OPEN, operation.severity(slope))
        elif clip.assessed is not None and told[0] is not None and not clip.assessed.anomalous:
            if told.count(told[0]) >= consequences.OPERATION_ENOUGH:
                self._raise(clip, told[0], "medium")
        elif operation.is_closed(states_told) and not any(told[: decision.CLEAR_AFTER]):
            self.open -= {consequences.OPERATION}

    def _assessed(self, limit: int) -> list[Clip]:
        return self._newest(limit, lambda clip: clip.assessed is not None)

    def _raise(self, clip: Clip, condition: str, severity: str) -> None:
        family = consequences.family_of(condition)
        clip.raised = True
        if family in self.open:
            return
        for earlier in reversed(self.clips):
            if earlier.at < clip.at - drift.SETTLING.total_seconds():
                break
            earlier.learnable = False
        clip.opened, clip.named = severity, condition
        self.open |= {family}

    def _learn_states(self, newest: Clip) -> None:
        due = next((step for step in states.STEPS if step > self._states_clips), None)
        if due is not None and len(self.clips) >= due:
            self._states_anew(due)

    def _states_anew(self, limit: int) -> None:
        clips = [clip for clip in self.clips if not clip.alarmed][-limit:]
        if not clips:
            return
        try:
            learned = runstate.learn(
                np.array([clip.features for clip in clips]),
                [clip.surroundings for clip in clips],
                FEATURE_SETS[FEATURES].names(),
            )
        except BaselineError:
            return
        if self._states is None or not states.forgets(learned, self._states):
            self._states = learned
        self._states_clips = len(clips)
        for clip in clips:
            if clip.assessed is None:
                self._placed(clip)
                clip.learnable = clip.group is not None

    def _learn(self, group: str, at: float) -> None:
        known = self.baselines.get(group)
        steps = [BASELINE_CLIPS * factor for factor in refitting.GROWTH]
        due = next((step for step in steps if known is None or step > known.clips), None)
        if due is None:
            return
        clips = self._learnable(group, due)
        if len(clips) >= due:
            self._refit(group, at, clips)

    def _refit_if_old(self, at: float) -> None:
        """As `refitting.refit_due`, which the server asks for once an hour."""
        if at < self._next_refit:
            return
        self._next_refit = at + _REFITS_APART_S
        for group, baseline in list(self.baselines.items()):
            if at - baseline.made_at < refitting.AGE.total_seconds() or self._is_wary or self.open:
                continue
            settled = self._settled(group, at)
            if sum(clip.at > baseline.last_heard_at for clip in settled) < refitting.NEW_CLIPS:
                continue
            if group == states.RUNNING:
                self._states_anew(states.CLIPS_LIMIT)
            places = drift.spread(len(settled), refitting.CLIPS_LIMIT)
            self._refit(group, at, [settled[place] for place in places])

    def _settled(self, group: str, at: float) -> list[Clip]:
        """What a daily re-fit may learn from."""
        until = at - drift.SETTLING.total_seconds()
        since = until - drift.SPAN.total_seconds()
        first = next((place for place, clip in enumerate(self.clips) if clip.at >= since), 0)
        return [
            clip for clip in self.clips[first:] if clip.learnable and clip.group == group and clip.at <= until
        ]

    def _refit(self, group: str, at: float, clips: list[Clip]) -> None:
        if len(clips) < BASELINE_CLIPS:
            return
        try:
            fitted = learn(
                self.detector,
                np.array([clip.judged for clip in clips]),
                FEATURE_SETS[FEATURES_OF[self.detector]].names(),
            )
        except BaselineError:
            return
        new = Loaded(self.detector, fitted, (), tuple(clip.surroundings for clip in clips))
        former = self.baselines.get(group)
        made = _Baseline(new, len(clips), at, clips[-1].at)
        if former is not None:
            learned = {id(clip) for clip in clips}
            past = [
                trials.PastClip(clip.judged, fault=clip.raised, learned=id(clip) in learned)
                for clip in self._judged(group, refitting.PAST_LIMIT)
            ]
            if not trials.baseline_may_judge(trials.compare(former.loaded, new, past)):
                # It stays in the shadow; the next is tried as soon as the server would.
                made = replace(former, made_at=at)
        self.baselines[group] = made

    def _learnable(self, group: str, limit: int) -> list[Clip]:
        return self._newest(limit, lambda clip: clip.learnable and clip.group == group)

    def _judged(self, group: str, limit: int) -> list[Clip]:
        return self._newest(limit, lambda clip: clip.assessed is not None and clip.group == group)

    def _newest(self, limit: int, wanted: Any) -> list[Clip]:
        found: list[Clip] = []
        for clip in reversed(self.clips):
            if wanted(clip):
                found.append(clip)
                if len(found) == limit:
                    break
        return found[::-1]


_REFITS_APART_S = 3600.0
_HUM_STEP = [feature.name for feature in FEATURE_SETS[FEATURES].names()].index("hum_step_db")
_MOST_STATES = 400  # clips looked back for states: more than the hours that count can hold


def _compared_as(model: runstate.StateModel | None, heard: runstate.StateEstimate) -> str | None:
    """`states.compared_as`, which asks of the model only whether there is one."""
    known: Any = model
    return states.compared_as(known, heard)


def anomalous(clips: Sequence[Clip]) -> int:
    """How many were over their baseline's limit."""
    return sum(clip.assessed is not None and clip.assessed.anomalous for clip in clips)
