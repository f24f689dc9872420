package cli

// groupShort is the summary of a noun.
func groupShort(noun string) string {
	if s, ok := groupSummaries[noun]; ok {
		return s
	}
	return "Work with " + noun
}

var groupSummaries = map[string]string{
	"services":  "List and describe the AI services, and see how they do",
	"sessions":  "Read and delete kept conversations",
	"predict":   "Forecast series and find anomalies",
	"logs":      "Search and follow logs",
	"alerts":    "See, take over and silence alerts",
	"incident":  "Keep what is known about an incident, and report on it",
	"runbook":   "Read and run the runbooks of alerts",
	"deploy":    "See, follow and change what is deployed",
	"rbac":      "Ask who may do what on the cluster",
	"secrets":   "Read, write, compare and rotate secrets in several stores",
	"metrics":   "Query and plot metrics with PromQL",
	"providers": "See and test the model providers behind chat",
	"audit":     "Read and verify the record of what was done",
	"accounts":  "Manage who may sign in, and as what",
	"tokens":    "Manage API tokens",
}
