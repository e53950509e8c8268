"""The mathematics of diffusion, with no network in it: levels, schedules, steps, guidance, trajectories, noise."""
