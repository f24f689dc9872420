package deploy

// Paths compiles a JSONPath expression in kubectl's form, for the expressions
// of waits: the function gives every value that the expression finds in a JSON
// document, as encoding/json decodes them. A wrong expression is a Usage
// error.
type Paths func(expr string) (func(doc []byte) ([]any, error), error)
