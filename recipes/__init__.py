"""The recipes that come with slimwheel, as TOML files; `slimwheel.recipe` loads them."""
