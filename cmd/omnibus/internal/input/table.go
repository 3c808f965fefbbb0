package input

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// table is csv and tsv: rows of fields, of which one is the value and another may be the key.
type table struct {
	options *Options
	tabs    bool // tsv
	nulls   nulls

	// of the source that is being read
	base       uint64   // the Seq before its first line
	width      int      // fields of its first good row; 0 before that
	key, value int      // the places of the columns; -1 for no key
	wrong      *problem // why none of its rows can be a record

	fields [][]byte // of this row
	text   []byte   // of those of its fields that are written otherwise than they read
}

func newTable(o *Options, nulls nulls) *table {
	return &table{options: o, tabs: o.format() == formatTSV, nulls: nulls, base: ^uint64(0)}
}

func (t *table) fill(_ context.Context, record *omnibus.Record, piece lines.Line) error {
	if base := piece.Seq - piece.Number; base != t.base {
		t.base, t.width, t.wrong = base, 0, nil
	}
	err := t.split(piece.Bytes)
	if t.width == 0 && t.options.CSVHeader && t.wrong == nil && (err != nil || piece.Number > 1) {
		t.wrong = &problem{"the file's first row, which should name the columns, cannot be read", "repair it"}
	}
	if err != nil {
		return err
	}
	if t.wrong != nil {
		return t.wrong
	}
	if t.width == 0 {
		if wrong := t.begin(); wrong != nil {
			return wrong
		}
		if t.options.CSVHeader {
			return errNoRecord
		}
	}
	if len(t.fields) != t.width {
		return &problem{fmt.Sprintf("the row has %d fields, the first one %d", len(t.fields), t.width), "give all rows as many, and quote fields that hold commas"}
	}
	if t.key >= 0 {
		record.Key = t.nulls.of(t.fields[t.key])
	}
	record.Value = t.nulls.of(t.fields[t.value])
	return nil
}

// begin finds the columns in the first row. Without names for them, the next row may do what this one does not.
func (t *table) begin() *problem {
	var wrong *problem
	if t.options.CSVHeader {
		wrong = t.beginByName()
		t.wrong = wrong
	} else {
		wrong = t.beginByNumber()
	}
	if wrong == nil {
		t.width = len(t.fields)
	}
	return wrong
}

func (t *table) beginByNumber() *problem {
	const choose = "choose columns with --value-column and --key-column"
	t.key, t.value, _ = t.options.columns()
	switch n := len(t.fields); {
	case t.value >= 0 && max(t.key, t.value) >= n:
		return &problem{fmt.Sprintf("the row has %d fields and no column %d", n, max(t.key, t.value)+1), choose}
	case t.value >= 0:
	case t.options.Key != nil:
		if t.value = 0; n != 1 {
			return &problem{fmt.Sprintf("the row has %d fields, want 1, the value", n), choose}
		}
	default:
		if t.key, t.value = 0, 1; n != 2 {
			return &problem{fmt.Sprintf("the row has %d fields, want 2, key and value", n), choose}
		}
	}
	return nil
}

func (t *table) beginByName() (wrong *problem) {
	t.key, t.value, _ = t.options.columns()
	if t.value < 0 {
		name := t.options.ValueColumn
		if name == "" {
			name = "value"
		}
		if t.value, wrong = t.named(name); wrong != nil {
			return wrong
		}
	}
	switch {
	case t.key >= 0:
	case t.options.KeyColumn != "":
		if t.key, wrong = t.named(t.options.KeyColumn); wrong != nil {
			return wrong
		}
	case t.options.ValueColumn == "":
		if t.key, wrong = t.defaultKey(); wrong != nil {
			return wrong
		}
	}
	if n := len(t.fields); max(t.key, t.value) >= n {
		return &problem{fmt.Sprintf("the first row names %d columns, and there is no column %d", n, max(t.key, t.value)+1), "choose another"}
	}
	return nil
}

// defaultKey is the column "key", if there is one. With any other column beside the value, somebody would miss its content.
func (t *table) defaultKey() (int, *problem) {
	if len(t.fields) == 1 {
		return -1, nil
	}
	at, wrong := t.named("key")
	if wrong != nil || len(t.fields) > 2 || t.options.Key != nil {
		return -1, &problem{"there are columns that would not be sent: " + t.names(), "choose with --value-column and --key-column"}
	}
	return at, nil
}

// named finds the one column with this name.
func (t *table) named(name string) (int, *problem) {
	at := -1
	for i, field := range t.fields {
		if string(field) != name {
			continue
		}
		if at >= 0 {
			return -1, &problem{fmt.Sprintf("two columns are named %q", name), "choose one by its number"}
		}
		at = i
	}
	if at < 0 {
		return -1, &problem{fmt.Sprintf("no column is named %q, but %s", name, t.names()), "choose with --value-column and --key-column"}
	}
	return at, nil
}

func (t *table) names() string {
	var names []string
	for _, field := range t.fields {
		names = append(names, fmt.Sprintf("%.40q", field))
	}
	return strings.Join(names[:min(len(names), 20)], ", ")
}

// split cuts a row into its fields.
func (t *table) split(row []byte) (err error) {
	t.fields, t.text = t.fields[:0], t.text[:0]
	for more := true; more; {
		var field []byte
		switch {
		case t.tabs:
			field, row, more = bytes.Cut(row, []byte{'\t'})
		case len(row) > 0 && row[0] == '"':
			field, row, more, err = t.quoted(row[1:])
		default:
			field, row, more = bytes.Cut(row, []byte{','})
			if bytes.IndexByte(field, '"') >= 0 {
				err = &problem{"a quote stands in a field that does not begin with one", `quote the whole field and write a quote inside of it as ""`}
			}
		}
		if err != nil {
			return err
		}
		t.fields = append(t.fields, field[:len(field):len(field)])
	}
	return nil
}

// quoted reads a field behind its opening quote, and the comma that follows it, if one does.
func (t *table) quoted(row []byte) (field, rest []byte, more bool, err error) {
	begin := len(t.text)
	for {
		part, behind, closed := bytes.Cut(row, []byte{'"'})
		if !closed {
			return nil, nil, false, errNeverClosed()
		}
		row = behind
		if len(row) > 0 && row[0] == '"' { // two quotes are one of the field's
			t.text, row = append(append(t.text, part...), '"'), row[1:]
			continue
		}
		if field = part; begin < len(t.text) {
			t.text = append(t.text, part...)
			field = t.text[begin:]
		}
		switch {
		case len(row) == 0:
			return field, nil, false, nil
		case row[0] == ',':
			return field, row[1:], true, nil
		}
		return nil, nil, false, &problem{"something stands between a closing quote and the comma", `write a quote inside of a field as ""`}
	}
}
