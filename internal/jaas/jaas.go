// Package jaas reads the value of Kafka's sasl.jaas.config: one login module with its options, in the form of a JAAS
// configuration file.
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="secret";
//	^ module                                                ^ flag   ^ options
//
// It takes what Kafka's JaasConfig takes, and values of digits without quotes beside it. Errors show where they are, and no
// value, for it may be a password.
package jaas

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/secret"
)

// Login is a login module and its options.
type Login struct {
	// Module is the name of the Java class.
	Module string
	// Options are the values by name. All of them are treated as secrets, for names are the module's to choose.
	Options map[string]secret.Text
}

// Option is an option's value, "" if there is none.
func (l *Login) Option(name string) string { return l.Options[name].Reveal() }

// Parse reads the one login that text must have.
func Parse(text string) (*Login, error) {
	s := &scanner{text: text}
	login, err := s.login()
	if err != nil {
		return nil, err
	}
	if next, err := s.next(); err != nil || next.kind != end {
		return nil, fmt.Errorf("%s: something follows the ';'; one login module is possible", s.where())
	}
	return login, nil
}

func (s *scanner) login() (*Login, error) {
	module, err := s.next()
	if err != nil {
		return nil, err
	}
	if module.kind != word {
		return nil, errors.New("empty; it begins with a login module's class, such as org.apache.kafka.common.security.plain.PlainLoginModule")
	}
	flag, err := s.next()
	if err != nil {
		return nil, err
	}
	if flag.kind != word || !slices.Contains([]string{"required", "requisite", "sufficient", "optional"}, strings.ToLower(flag.text)) {
		return nil, fmt.Errorf("%s: the class is followed by required, and then by the options", s.where())
	}
	login := &Login{Module: module.text, Options: make(map[string]secret.Text)}
	for {
		name, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case name.kind == semicolon:
			return login, nil
		case name.kind == end:
			return nil, errors.New("it ends without a ';'")
		case name.kind != word:
			return nil, fmt.Errorf("%s: want the name of an option, or ';'", s.where())
		}
		if err := s.option(login, name.text); err != nil {
			return nil, err
		}
	}
}

func (s *scanner) option(login *Login, name string) error {
	if equals, err := s.next(); err != nil || equals.kind != equal {
		return fmt.Errorf("%s: want '=' behind the name of an option", s.where())
	}
	value, err := s.next()
	if err != nil {
		return err
	}
	if value.kind != word && value.kind != quoted {
		return fmt.Errorf("%s: want a value behind '=', in double quotes", s.where())
	}
	login.Options[name] = secret.New(value.text)
	return nil
}
