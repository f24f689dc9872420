package changes

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Settle is how long an engine may take to note what it has just done: two
// notes closer than this are of one change.
const Settle = 2 * time.Second

// most is how many differences a summary names.
const most = 3

// Describe says in one line what differs between two revisions; "" for
// nothing.
func Describe(list []api.DeployChange) string {
	var parts []string
	for i, c := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		name := strings.TrimSpace(strings.ReplaceAll(c.Kind, "_", " ") + " " + c.Name)
		switch {
		case c.Kind == "image" && c.Action == "changed":
			parts = append(parts, fmt.Sprintf("%s %s → %s", name, c.Old, c.New))
		default:
			parts = append(parts, name+" "+c.Action)
		}
	}
	return strings.Join(parts, ", ")
}
