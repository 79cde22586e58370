"""Facts and a recipe become a plan: one action for every member, and what it saves and loses."""

from slimwheel.plan.device_code import Targets
from slimwheel.plan.device_rules import asks_this_machine, stated_devices
from slimwheel.plan.facts import ElfFacts, Facts
from slimwheel.plan.model import Action, Decision, ElfRewrite, Plan, RuleSummary
from slimwheel.plan.planner import Switches, make_plan

__all__ = [
    "Action",
    "Decision",
    "ElfFacts",
    "ElfRewrite",
    "Facts",
    "Plan",
    "RuleSummary",
    "Switches",
    "Targets",
    "asks_this_machine",
    "make_plan",
    "stated_devices",
]
