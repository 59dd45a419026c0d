SELECT metric, value FROM ML.EVALUATE(MODEL churn) WHERE split = 'test' AND segment = 'all' ORDER BY metric
