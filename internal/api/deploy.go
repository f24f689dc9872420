package api

import "time"

// Workload is a deployment as the list shows it.
type Workload struct {
	Engine    string    `json:"engine" jsonschema:"kubernetes or runtime"`
	Context   string    `json:"context,omitempty" jsonschema:"the kubeconfig context, where several are asked"`
	Namespace string    `json:"namespace"`
	Kind      string    `json:"kind" jsonschema:"Deployment, StatefulSet, DaemonSet or Service"`
	Name      string    `json:"name"`
	State     string    `json:"state" jsonschema:"ready, progressing, degraded, paused, stopped or failed"`
	Desired   int       `json:"desired"`
	Updated   int       `json:"updated" jsonschema:"replicas of the newest revision"`
	Ready     int       `json:"ready"`
	Available int       `json:"available"`
	Revision  string    `json:"revision,omitempty"`
	Images    []string  `json:"images"`
	Cause     string    `json:"cause,omitempty" jsonschema:"why the newest revision was made"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed,omitzero" jsonschema:"when the newest revision was made"`
}
