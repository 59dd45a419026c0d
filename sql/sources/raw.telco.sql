-- The schema of raw.telco, recorded by: foretable sync
CREATE TABLE "raw"."telco" (
  "customerID" VARCHAR,
  "gender" VARCHAR,
  "SeniorCitizen" BIGINT,
  "Partner" VARCHAR,
  "Dependents" VARCHAR,
  "tenure" BIGINT,
  "PhoneService" VARCHAR,
  "MultipleLines" VARCHAR,
  "InternetService" VARCHAR,
  "OnlineSecurity" VARCHAR,
  "OnlineBackup" VARCHAR,
  "DeviceProtection" VARCHAR,
  "TechSupport" VARCHAR,
  "StreamingTV" VARCHAR,
  "StreamingMovies" VARCHAR,
  "Contract" VARCHAR,
  "PaperlessBilling" VARCHAR,
  "PaymentMethod" VARCHAR,
  "MonthlyCharges" DOUBLE,
  "TotalCharges" VARCHAR,
  "Churn" VARCHAR
);
