package polish

import (
	"maps"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
)

// Run replaces what a generated command does; in is a pointer to the
// operation's input, filled from flags and arguments.
type Run = func(cmd *cobra.Command, in any) error

// Runs are the hand-made commands by operation id.
func Runs(f *factory.Factory) map[string]Run {
	chat, predict, invoke := &chatCommand{f: f}, &predictCommand{f: f}, &invokeCommand{f: f}
	logs := &logsCommand{f: f}
	runs := map[string]Run{
		api.ChatAsk.ID:         chat.run,
		api.PredictForecast.ID: predict.forecast,
		api.PredictAnomaly.ID:  predict.anomaly,
		api.ServicesInvoke.ID:  invoke.run,
		api.LogsSearch.ID:      logs.run,
		api.LogsHistogram.ID:   logs.histogram,
		api.LogsDiff.ID:        logs.diff,
		api.LogsFields.ID:      windowed(f, api.LogsFields, func(in *api.LogFieldsInput) *api.LogFilter { return &in.LogFilter }),
		api.LogsPatterns.ID:    windowed(f, api.LogsPatterns, func(in *api.LogPatternsInput) *api.LogFilter { return &in.LogFilter }),
		api.AuditLog.ID:        func(cmd *cobra.Command, in any) error { return auditLog(f, cmd, in) },
		api.AuditExport.ID:     func(cmd *cobra.Command, in any) error { return auditExport(f, cmd, in) },
		api.AuditVerify.ID:     func(cmd *cobra.Command, in any) error { return auditVerify(f, cmd, in) },
	}
	maps.Copy(runs, metricsRuns(f))
	maps.Copy(runs, alertsRuns(f))
	maps.Copy(runs, deployRuns(f))
	maps.Copy(runs, secretsRuns(f))
	maps.Copy(runs, rbacRuns(f))
	maps.Copy(runs, changesRuns(f))
	maps.Copy(runs, whyRuns(f))
	maps.Copy(runs, timelineRuns(f))
	maps.Copy(runs, gateRuns(f))
	maps.Copy(runs, handoffRuns(f))
	maps.Copy(runs, incidentRuns(f))
	maps.Copy(runs, runbookRuns(f))
	return runs
}

// Flags add what the declarations cannot say: flags of the terminal's side.
var Flags = map[string]func(*factory.Factory, *cobra.Command){
	api.ChatAsk.ID:         chatFlags,
	api.PredictForecast.ID: predictFlags,
	api.PredictAnomaly.ID:  predictFlags,
	api.ServicesInvoke.ID: func(_ *factory.Factory, cmd *cobra.Command) {
		cmd.Flags().Bool("stream", false, "receive the answer in parts")
	},
	api.MetricsQuery.ID:    metricsQueryFlags,
	api.MetricsRange.ID:    metricsDrawFlags,
	api.MetricsPlot.ID:     metricsDrawFlags,
	api.MetricsLabels.ID:   metricsSpanFlags,
	api.AlertsAck.ID:       alertsAckFlags,
	api.AlertsSilence.ID:   alertsSilenceFlags,
	api.AlertsHistory.ID:   windowFlags,
	api.ChangesList.ID:     changesFlags,
	api.WhyAsk.ID:          whyFlags,
	api.TimelineShow.ID:    timelineFlags,
	api.GateRun.ID:         gateFlags,
	api.HandoffShow.ID:     handoffFlags,
	api.WaitFor.ID:         waitFlags,
	api.IncidentsOpen.ID:   incidentOpenFlags,
	api.IncidentsShow.ID:   incidentShowFlags,
	api.IncidentsReport.ID: incidentReportFlags,
	api.IncidentsExport.ID: incidentExportFlags,
	api.LogsSearch.ID:      logsFlags,
	api.LogsHistogram.ID:   windowFlags,
	api.LogsFields.ID:      windowFlags,
	api.LogsPatterns.ID:    windowFlags,
	api.LogsDiff.ID:        diffFlags,
	api.DeployList.ID:      allNamespacesFlag,
	api.DeployReplicas.ID:  allNamespacesFlag,
	api.DeployCompare.ID:   deployDiffFlags,
	api.DeployScale.ID:     watchFlags,
	api.DeployRestart.ID:   watchFlags,
	api.DeployUndo.ID:      undoFlags,
	api.DeployWait.ID:      deployWaitFlags,
	api.DeployLogs.ID:      deployLogsFlags,
	api.DeployResume.ID:    watchFlags,
	api.DeployImages.ID:    watchFlags,
	api.DeployApply.ID:     applyFlags,
	api.SecretsSet.ID:      secretsValueFlags,
	api.RBACCheck.ID:       allNamespacesFlag,
	api.RBACWhoCan.ID:      allNamespacesFlag,
	api.SecretsRotate.ID:   secretsValueFlags,
	api.AuditVerify.ID: func(_ *factory.Factory, cmd *cobra.Command) {
		cmd.Flags().String("file", "", "check an export in place of the server's record; - is standard input")
	},
	api.AuditLog.ID: func(_ *factory.Factory, cmd *cobra.Command) {
		cmd.Flags().String("since", "", "not before this time (24h, 3d, RFC 3339)")
		cmd.Flags().String("from", "", "not before this time")
		cmd.Flags().String("to", "", "before this time")
	},
}

// text reads a flag that Flags added.
func text(cmd *cobra.Command, name string) string {
	v, err := cmd.Flags().GetString(name)
	if err != nil {
		return ""
	}
	return v
}
