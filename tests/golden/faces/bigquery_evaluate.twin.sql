SELECT metric, value FROM foretable.evaluations WHERE model = 'churn' AND version = 1 AND split = 'test' AND segment = 'all' ORDER BY metric
