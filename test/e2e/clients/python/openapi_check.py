"""Validates an OpenAPI document read from standard input as OpenAPI 3.1."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

document = json.load(sys.stdin)
assert document["openapi"].startswith("3.1"), document["openapi"]
errors = list(OpenAPIV31SpecValidator(document).iter_errors())
for error in errors:
    print(f"{'/'.join(map(str, error.absolute_path))}: {error.message}", file=sys.stderr)
operations = [op for path in document["paths"].values() for op in path.values() if isinstance(op, dict)]
print(f"ok {len(operations)} operations, {len(errors)} errors")
sys.exit(bool(errors) or not operations)
