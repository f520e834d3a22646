"""MLflow's model registry in a repository: `mlflow.set_registry_uri("mreg:///srv/models")`. See docs/from-mlflow.md."""
