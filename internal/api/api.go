// Package api is the vocabulary of aictl: the types and the declarations of
// every operation, a file a noun, without behaviour. The server binds them
// (internal/ops), and every client calls them through the same values, so that
// a misspelt operation does not compile.
//
// JSON names are snake_case and only ever added within a version; times are
// RFC 3339 in UTC; durations are strings.
package api

import "github.com/aictl/aictl/internal/op"

// All lists every declaration, in the order of the manual. A test checks that
// none is missing.
func All() []op.Declaration {
	return []op.Declaration{
		ServicesList, ServicesDescribe, ServicesHealth, ServicesInvoke, ServicesStream,
		ChatAsk,
		SessionsList, SessionsShow, SessionsDelete,
		PredictForecast, PredictAnomaly, PredictModels,
		LogsSearch, LogsTail, LogsHistogram, LogsFields, LogsPatterns, LogsDiff,
		MetricsQuery, MetricsRange, MetricsPlot, MetricsList, MetricsLabels, MetricsTop,
		ProvidersList, ProvidersTest,
		AuditLog, AuditExport, AuditVerify,
		AccountsList, AccountsCreate, AccountsGrant, AccountsDelete,
		TokensList, TokensCreate, TokensRevoke,
		AuthWhoami, AuthLogout,
		AlertsList, AlertsShow, AlertsWatch, AlertsAck, AlertsSilence, AlertsUnsilence, AlertsSilences, AlertsHistory, AlertsRules, AlertsPreview,
		DeployList, DeployShow, DeployWatch, DeployHistory, DeployCompare, DeployScale, DeployRestart, DeployUndo, DeployPause, DeployResume, DeployImages, DeployShare, DeployApply, DeployDelete,
		DeployReplicas, DeployWait, DeployVerify, DeployLogs,
		SecretsList, SecretsGet, SecretsSet, SecretsDelete, SecretsHistory, SecretsDiff, SecretsPrints, SecretsSync, SecretsRotate, SecretsRotations,
		RBACCheck, RBACWhoCan,
		ChangesList, WhyAsk, TimelineShow, GateRun, WaitFor, HandoffShow,
		IncidentsOpen, IncidentsList, IncidentsShow, IncidentsEvidence, IncidentsRefresh, IncidentsNote, IncidentsAttach, IncidentsClose, IncidentsReport, IncidentsExport,
		RunbooksList, RunbooksShow,
		PlatformStatus, BackendsCheck,
	}
}

// None is the input of operations that take none.
type None struct{}
