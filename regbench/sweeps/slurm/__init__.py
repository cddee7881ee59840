"""Jobs of a sweep as jobs of Slurm's: submitted, worked at, and collected one by one."""
