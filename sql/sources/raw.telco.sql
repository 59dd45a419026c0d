-- The schema of raw.telco, recorded by: foretable sync
CREATE TABLE "raw"."telco" (
  "customerID" TEXT,
  "gender" TEXT,
  "SeniorCitizen" BIGINT,
  "Partner" TEXT,
  "Dependents" TEXT,
  "tenure" BIGINT,
  "PhoneService" TEXT,
  "MultipleLines" TEXT,
  "InternetService" TEXT,
  "OnlineSecurity" TEXT,
  "OnlineBackup" TEXT,
  "DeviceProtection" TEXT,
  "TechSupport" TEXT,
  "StreamingTV" TEXT,
  "StreamingMovies" TEXT,
  "Contract" TEXT,
  "PaperlessBilling" TEXT,
  "PaymentMethod" TEXT,
  "MonthlyCharges" DOUBLE,
  "TotalCharges" TEXT,
  "Churn" TEXT
);
