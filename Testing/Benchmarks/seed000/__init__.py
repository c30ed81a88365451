"""The experiment of seed 000 (ISMRM 2022 #1880): synthetic, brain and spine training compared."""
