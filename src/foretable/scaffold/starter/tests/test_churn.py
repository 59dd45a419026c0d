def test_every_customer_is_scored_once(project):
    scores = project.sql(
        """
        SELECT count(*) AS n, count(DISTINCT customer_id) AS customers, min(churn_probability) AS low, max(churn_probability) AS high
        FROM predictions.churn
        """
    )
    row = scores.to_pylist()[0]
    assert row["n"] == row["customers"] > 0
    assert 0 <= row["low"] < row["high"] <= 1


def test_the_model_beats_a_coin(project):
    found = project.sql(
        """
        SELECT low FROM foretable.evaluations AS e JOIN foretable.models AS m ON m.model = e.model AND m.champion = e.version
        WHERE split = 'test' AND segment = 'all' AND metric = 'roc_auc'
        """
    ).to_pylist()
    assert found[0]["low"] > 0.5


def test_the_call_list_is_in_order(project):
    risks = project.sql("FROM decisions.call_list").to_pydict()["spend_at_risk"]
    assert risks == sorted(risks, reverse=True)
