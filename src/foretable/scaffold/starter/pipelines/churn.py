"""Who is likely to stop ordering."""

import foretable as ft

from ..models.churn import churn

churn_scores = ft.scoring_table("predictions.churn", model=churn, target_lag="1 day", keep=["channel", "spend_365d", "days_since_order"])
