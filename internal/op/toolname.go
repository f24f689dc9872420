package op

import "strings"

// ToolName is the operation's ID as a model's tools may be named: by the server
// of the Model Context Protocol and by the tools of `aictl chat` alike.
func (s *Spec) ToolName() string { return strings.NewReplacer(".", "_", "-", "_").Replace(s.ID) }
