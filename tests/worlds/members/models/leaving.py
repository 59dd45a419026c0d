import foretable as ft

from ..pipelines.members import left_the_club, usage

leaving = ft.Model(
    "leaving",
    label=left_the_club,
    features=[usage],
    candidates=[
        ft.LogisticRegression(C=ft.between(0.01, 10, log=True)),
        ft.XGBoost(
            max_depth=ft.between(2, 6),
            learning_rate=ft.between(0.03, 0.3, log=True),
            n_estimators=ft.between(60, 250),
            min_child_weight=ft.between(1, 50, log=True),
        ),
    ],
    gate=ft.Gate("roc_auc"),
)
scores = ft.scoring_table("predictions.leaving", model=leaving)
