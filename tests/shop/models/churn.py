import foretable as ft

from ..pipelines.churn import churned, customer_usage

churn = ft.Model(
    "churn",
    label=churned,
    features=[customer_usage],
    exclude=["last_order_at"],
    candidates=[ft.LogisticRegression(C=ft.between(0.01, 10, log=True))],
    gate=ft.Gate("pr_auc", margin=0.005),
)
churn_scores = ft.scoring_table("predictions.churn", model=churn, target_lag="1 hour", keep=["region", "plan", "monthly_fee"])
