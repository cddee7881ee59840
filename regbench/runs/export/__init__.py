"""What a trained model is for those who do not have regbench: weights, programs, preparation of inputs."""
