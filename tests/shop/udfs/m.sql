CREATE OR REPLACE MACRO half(x) AS quarter(x) * 2;
CREATE OR REPLACE MACRO quarter(x) AS x / 4;
