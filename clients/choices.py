from django.db.models import TextChoices


class DeskRole(TextChoices):
    """What a member of the desk may do; the table is `clients.access.MAY`."""

    NONE = "none", "No desk access"
    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    RISK = "risk", "Risk"
    APPROVER = "approver", "Approver"
    TREASURER = "treasurer", "Treasurer"
    ADMIN = "admin", "Admin"


class MemberRole(TextChoices):
    OWNER = "owner", "Owner"
    MEMBER = "member", "Member"


class ResumePolicy(TextChoices):
    """What happens after a host was lost (not after a kill: HALTED never resumes by itself)."""

    PAUSE = "pause", "Stay paused until a person starts it"
    RESUME = "resume", "Resume after a clean reconciliation"


class Kpi(TextChoices):
    SPREAD = "spread", "Spread-compliant uptime"
    DEPTH = "depth", "Depth in band"
    UPTIME = "uptime", "Uptime per side"
