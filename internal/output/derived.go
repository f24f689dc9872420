package output

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// member is one member of a JSON object, in the order of the document.
type member struct {
	key   string
	value json.RawMessage
}

// members reads an object's members in order; ok is false for anything else.
func members(doc []byte) (list []member, ok bool, err error) {
	if len(doc) == 0 || doc[0] != '{' {
		return nil, false, nil
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	if _, err := dec.Token(); err != nil {
		return nil, false, fail.Wrap(fail.Internal, err, "reading the result back")
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, false, fail.Wrap(fail.Internal, err, "reading the result back")
		}
		m := member{}
		m.key, _ = tok.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, false, fail.Wrap(fail.Internal, err, "reading the result back")
		}
		list = append(list, m)
	}
	return list, true, nil
}

// printDerived writes a document for which no view was declared as a table,
// CSV or names.
func (p *Printer) printDerived(doc []byte) error {
	items, isList, err := elements(doc)
	if err != nil {
		return err
	}
	obj, isObject, err := members(doc)
	if err != nil {
		return err
	}
	for _, m := range obj {
		if m.key == "items" {
			if items, isList, err = elements(m.value); err != nil {
				return err
			}
		}
	}
	if isObject && !isList && p.format.Human() {
		pairs := make([][2]cell, len(obj))
		for i, m := range obj {
			pairs[i] = [2]cell{{text: term.SafeLine(m.key)}, {text: cellText(m.value)}}
		}
		return p.writePairs(pairs)
	}
	if !isList {
		items = []json.RawMessage{doc}
	}
	rows := make([][]member, len(items))
	for i, it := range items {
		list, ok, err := members(it)
		if err != nil {
			return err
		}
		if !ok {
			list = []member{{"value", it}}
		}
		rows[i] = list
	}
	switch p.format.Kind {
	case Name:
		return p.derivedNames(rows)
	case CSV:
		return p.writeCSV(derivedGrid(rows, true))
	}
	return p.write(p.layout(derivedGrid(rows, p.format.Kind == Wide)))
}

// derivedGrid has a column for each key, in the order of first appearance.
// Keys with objects or lists are left to wide.
func derivedGrid(rows [][]member, wide bool) grid {
	var keys []string
	at, nested := map[string]int{}, map[string]bool{}
	for _, row := range rows {
		for _, m := range row {
			if len(m.value) > 0 && (m.value[0] == '{' || m.value[0] == '[') {
				nested[m.key] = true
			}
		}
	}
	var g grid
	for _, row := range rows {
		for _, m := range row {
			if _, seen := at[m.key]; seen || (nested[m.key] && !wide) {
				continue
			}
			at[m.key] = len(keys)
			keys = append(keys, m.key)
			head := strings.ToUpper(strings.ReplaceAll(term.SafeLine(m.key), "_", " "))
			g.heads = append(g.heads, cell{head, term.Header})
		}
	}
	g.right = make([]bool, len(keys))
	for _, row := range rows {
		cells := make([]cell, len(keys))
		for _, m := range row {
			if j, ok := at[m.key]; ok {
				cells[j].text = cellText(m.value)
			}
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// cellText is a JSON value in a cell: strings bare, null empty, lists of
// strings joined, anything else as JSON.
func cellText(raw json.RawMessage) string {
	switch {
	case len(raw) == 0 || raw[0] == 'n':
		return ""
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return term.SafeLine(s)
		}
	case raw[0] == '[':
		var list []string
		if json.Unmarshal(raw, &list) == nil {
			return term.SafeLine(strings.Join(list, ","))
		}
	}
	return term.SafeLine(string(raw))
}

// derivedNames writes kind/name from the members of each row.
func (p *Printer) derivedNames(rows [][]member) error {
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		have := map[string]string{}
		for _, m := range row {
			have[m.key] = cellText(m.value)
		}
		name := have["name"]
		if name == "" {
			name = have["id"]
		}
		if name == "" && len(row) == 1 {
			name = cellText(row[0].value)
		}
		if name == "" {
			return fail.New(fail.Usage, "this result has no names for -o name").Hint("-o json")
		}
		names = append(names, have["kind"]+"/"+name)
	}
	return p.writeNames(names)
}
