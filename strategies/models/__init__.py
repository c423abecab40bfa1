"""What runs and what stops it: strategies, revisions, deployments, kills, roll-outs, drills."""

from strategies.models.drills import Drill, DrillPlan
from strategies.models.kills import Clearing, ClearingStep, KillSwitch
from strategies.models.rollouts import RollOut, RollOutEvidence, RollOutStage, RollOutTarget
from strategies.models.running import Deployment, HostSlot, PaperFunding, Revision, Strategy, StrategyTemplate

__all__ = [
    "Clearing",
    "ClearingStep",
    "Deployment",
    "Drill",
    "DrillPlan",
    "HostSlot",
    "KillSwitch",
    "PaperFunding",
    "Revision",
    "RollOut",
    "RollOutEvidence",
    "RollOutStage",
    "RollOutTarget",
    "Strategy",
    "StrategyTemplate",
]
