package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

const (
	bootstrapServers = "bootstrap.servers"

	originDefault  = "default"
	originImplied  = "implied"
	originEmbedded = "--embedded"

	// secret stands in place of every password.
	secret = "[hidden]"
)

// row is one setting.
type row struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Origin  string `json:"origin"`
	Default string `json:"default"`
	Type    string `json:"type"`
	Support string `json:"support"`
	// Note says why a setting changes nothing, or what was said where something else holds.
	Note string `json:"note,omitempty"`
	// Over are weaker origins that said something too, the strongest first.
	Over []string `json:"over,omitempty"`

	hidden bool
}

// why is the last column of the table.
func (r *row) why() string {
	text := r.Origin
	if len(r.Over) > 0 {
		text += ", over " + strings.Join(r.Over, ", ")
	}
	if r.Note != "" {
		text += ": " + r.Note
	}
	return text
}

// report is what there is to tell of a configuration.
type report struct {
	rows     []row
	notes    []string
	mistakes error
}

// judge applies the settings, the weakest first, and finds each value's origin. A setting that is wrong is reported and
// has no other effect.
func judge(sources *connect.Sources, embedded bool) *report {
	r := &report{}
	var config omnibus.Config
	var errs []error
	said := make(map[string][]connect.Setting)
	for _, s := range sources.Settings {
		note, err := config.Set(s.Name, s.Value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Origin, err))
			continue
		}
		if note != "" {
			r.notes = append(r.notes, fmt.Sprintf("%s: %s: %s", s.Origin, s.Name, note))
		}
		name := strings.TrimSpace(s.Name)
		said[name] = append(said[name], s)
	}
	implied := make(map[string]string)
	for _, note := range config.Notes() {
		implied[note.Name] = note.Text
		r.notes = append(r.notes, note.String())
	}
	for _, property := range config.Properties() {
		row := newRow(property, said[property.Name], implied[property.Name], embedded)
		if remark := sources.Defaults[row.Name]; remark != "" && row.Origin == originDefault {
			row.Note = strings.TrimPrefix(row.Note+"; "+remark, "; ")
		}
		r.rows = append(r.rows, row)
	}
	r.mistakes = errors.Join(append(errs, validate(config))...)
	return r
}

// validate finds the mistakes that several settings make together. That no cluster is named is none here.
func validate(config omnibus.Config) error {
	if len(config.Brokers) == 0 {
		config.Brokers = []string{"localhost:9092"}
	}
	return config.Validate()
}

// newRow is a setting, given those that said something about it, the weakest first, and what else has a say in it.
func newRow(property omnibus.Property, said []connect.Setting, implied string, embedded bool) row {
	r := row{
		Name: property.Name, Value: property.Value, Origin: originDefault, Default: property.Default, Type: property.Type,
		Support: property.Support.String(), Note: property.Why,
	}
	if property.Support != omnibus.Honoured {
		return r
	}
	if r.Name == bootstrapServers && embedded {
		r.Value, r.Origin = "", originEmbedded
		r.Note = "its broker chooses a free port when it starts"
	}
	for i := len(said) - 1; i >= 0; i-- {
		if r.Origin == originDefault {
			r.Origin = said[i].Origin
			r.Note = changed(property, said[i])
			continue
		}
		r.Over = append(r.Over, said[i].Origin)
	}
	if r.Origin == originDefault && r.Value != r.Default && r.Name != bootstrapServers && r.Name != "client.id" {
		r.Origin = originImplied
	}
	if implied != "" {
		r.Note = strings.TrimPrefix(r.Note+"; "+implied, "; ")
	}
	return r.concealed()
}

// changed tells that a number or a switch is not what was said, because other settings have a say in it.
func changed(property omnibus.Property, said connect.Setting) string {
	asked := strings.TrimSpace(said.Value)
	switch property.Type {
	case "INT", "LONG":
		n, err := strconv.ParseInt(asked, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) == property.Value {
			return ""
		}
	case "BOOLEAN":
		if strings.EqualFold(asked, property.Value) {
			return ""
		}
	default:
		return ""
	}
	return "it says " + asked
}

// concealed is the row without what nobody should read over a shoulder.
func (r row) concealed() row {
	value := conceal(r.Type, r.Value)
	r.hidden = value != r.Value
	r.Value = value
	return r
}

// conceal hides passwords, and the user's part of a URL.
func conceal(typ, value string) string {
	if typ == "PASSWORD" && value != "" && value != "null" {
		return secret
	}
	return userInfo.ReplaceAllString(value, "//"+secret+"@")
}

var userInfo = regexp.MustCompile(`//[^/@\s]*@`)
