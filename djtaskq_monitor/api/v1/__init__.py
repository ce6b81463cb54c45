"""The described API: what the admin knows and does, for machines, with an OpenAPI document."""
