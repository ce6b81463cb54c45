"""What workers answer, made ready for the templates of a worker's page: one function a tab."""
