"""A Django project as a user has it: outside this repository, made by startproject and the README's lines."""
