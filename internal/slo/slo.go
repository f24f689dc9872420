// Package slo is the arithmetic of error budgets: how fast a budget may burn
// over which windows.
//
// The rows are those of table 5-8 of the Site Reliability Workbook (Google,
// 2018, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"). The embedded
// engine's rules and the gate stand on the same rows; a test holds them equal.
package slo

import (
	"strconv"
	"time"
)

// Burn is one row: the budget must not burn Factor times as fast as it may over
// Long and over Short at once.
type Burn struct {
	Factor      float64
	Long, Short time.Duration
}

// Burns are the rows, the fastest first. In a window of 30 days they take 2, 5,
// 10 and 10 % of the budget before they count.
func Burns() []Burn {
	return []Burn{
		{14.4, time.Hour, 5 * time.Minute},
		{6, 6 * time.Hour, 30 * time.Minute},
		{3, 24 * time.Hour, 2 * time.Hour},
		{1, 72 * time.Hour, 6 * time.Hour},
	}
}

// LongName and ShortName are the windows as PromQL and the recording rules
// write them.
func (b Burn) LongName() string { return name(b.Long) }

// ShortName is the short window's.
func (b Burn) ShortName() string { return name(b.Short) }

func name(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Minute)) + "m"
}
