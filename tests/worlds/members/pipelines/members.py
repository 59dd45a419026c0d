import foretable as ft
from foretable import last

member = ft.Entity("member", key="member_id")
members = ft.Source("raw.members", entity=member, time="joined_at", fixed=["plan", "channel"])
visits = ft.Source("raw.visits", entity=member, time="happened_at")
complaints = ft.Source("raw.complaints", entity=member, time="happened_at")
missed = ft.Source("raw.missed_payments", entity=member, time="happened_at")
exits = ft.Source("raw.exits", entity=member, time="left_at")


@ft.feature_view("features.members", entity=member)
def usage() -> ft.Table:
    """One row per member who has joined."""
    v, c, m = visits.rows(), complaints.rows(), missed.rows()
    base = members.rows()
    known = base.select("member_id", "plan", "channel", tenure_days=base.joined_at.delta(ft.as_of(), unit="day").negate())
    counts = member.join(
        known,
        v.group_by("member_id").agg(
            visits_30d=v.count(where=last(v.happened_at, days=30)),
            visits_60d=v.count(where=last(v.happened_at, days=60)),
            visits_180d=v.count(where=last(v.happened_at, days=180)),
        ),
        c.group_by("member_id").agg(
            complaints_30d=c.count(where=last(c.happened_at, days=30)), complaints_60d=c.count(where=last(c.happened_at, days=60))
        ),
        m.group_by("member_id").agg(
            missed_30d=m.count(where=last(m.happened_at, days=30)), missed_60d=m.count(where=last(m.happened_at, days=60))
        ),
    )
    names = ("visits_30d", "visits_60d", "visits_180d", "complaints_30d", "complaints_60d", "missed_30d", "missed_60d")
    return counts.fill_null(dict.fromkeys(names, 0))


@ft.label("training.left_the_club", entity=member, horizon="30 days", every="30 days", start="2024-03-01")
def left_the_club() -> ft.Table:
    """Who was a member on the day; 1 when it left within 30 days."""
    gone = exits.rows().select("member_id", was_gone=True)
    there = members.rows().select("member_id")
    later = exits.future(days=30).select("member_id", goes=True)
    known = member.join(there, gone, later)
    return known.filter(known.was_gone.isnull()).select("member_id", left_the_club=known.goes.notnull().cast("int8"))
