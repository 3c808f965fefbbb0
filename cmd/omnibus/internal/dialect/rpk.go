package dialect

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rpk is its vocabulary: the names that it has for flags, which are what its profiles come to.
func rpk() *vocabulary {
	return &vocabulary{
		owner: "rpk", java: javaNames(), rules: rpkRules, secrets: []string{"pass"},
		combine: func(t *translation) {
			t.protocol()
			t.files(t.said["tls.cert"], t.said["tls.key"])
			t.rpkLogin()
		},
	}
}

var rpkRules = map[string]rule{
	"brokers":     {to: "bootstrap.servers", turn: withPorts},
	"tls.enabled": {},
	"tls.ca":      {to: "ssl.truststore.location"},
	"tls.cert":    {},
	"tls.key":     {},
	"tls.insecure_skip_verify": {refused: "a broker that nobody checks may be anybody: name the authority that signed its certificate " +
		"(ca_file, -X tls.ca), which omnibus doctor shows", unless: []string{"false", ""}},
	"sasl.mechanism": {},
	"user":           {},
	"sasl.user":      {alias: "user"},
	"pass":           {},
	"sasl.password":  {alias: "pass"},
	"globals":        {idle: "what is set there is rpk's own; omnibus has Java's settings for it (-X)"},
}

// protocol follows from what there is: in rpk nothing says it.
func (t *translation) protocol() {
	from := t.all("tls.enabled", "tls.ca", "tls.cert", "user", "sasl.mechanism")
	if len(from) == 0 {
		return
	}
	name := "PLAINTEXT"
	on, _ := switched(t.text("tls.enabled"))
	if on == "true" || on == "" && t.text("tls.ca")+t.text("tls.cert") != "" {
		name = "SSL"
	}
	if t.text("user")+t.text("sasl.mechanism") != "" {
		name = map[string]string{"PLAINTEXT": "SASL_PLAINTEXT", "SSL": "SASL_SSL"}[name]
	}
	t.set("security.protocol", name, from...)
}

// rpkLogin makes the login of a user.
func (t *translation) rpkLogin() {
	user, password, named := t.said["user"], t.said["pass"], t.said["sasl.mechanism"]
	switch mechanism := strings.ToUpper(named.Value); mechanism {
	case "":
		if user.Value != "" {
			t.mistake(user, "there is no sasl.mechanism beside it: SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN")
		}
	case "CLOUD-OIDC":
		t.mistake(named, "this is rpk's own login at Redpanda Cloud, whose token only rpk has: make a user there, and name it with its password and SCRAM-SHA-256")
	case "AWS_MSK_IAM":
		t.set("sasl.mechanism", mechanism, named)
		t.jaas(amazonModule, nil, []entry{named})
	default:
		t.set("sasl.mechanism", mechanism, named)
		t.password(mechanism, user, password, named)
	}
}

// profile is a file of rpk's under way.
type profile struct {
	origin   func(line int) string
	said     []Setting
	mistakes []error
}

// readProfile reads the profile that a file of rpk's names as its current one: all profiles of rpk.yaml, one alone as `rpk
// profile print` shows it, or the rpk section of older versions.
func readProfile(text string, origin func(line int) string) (said []Setting, mistakes []error) {
	var file, more yaml.Node
	documents := yaml.NewDecoder(strings.NewReader(text))
	if err := documents.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, []error{notYAML(err, origin)}
	}
	r := &profile{origin: origin}
	if len(file.Content) == 0 {
		return nil, nil
	}
	if err := documents.Decode(&more); err == nil {
		r.mistake(&more, "a second document begins after ---: leave one of them in the file")
	} else if !errors.Is(err, io.EOF) {
		return nil, []error{notYAML(err, origin)}
	}
	whole := file.Content[0]
	if whole.Kind != yaml.MappingNode {
		r.mistake(whole, "it has no names with values: want profiles, or kafka_api")
	}
	if globals := under(whole, "globals"); globals != nil && len(globals.Content) > 0 {
		r.say("globals", "", globals)
	}
	switch {
	case under(whole, "profiles") != nil:
		r.current(whole)
	case under(whole, "rpk") != nil:
		r.kafka(r.section(whole, "rpk"))
	default:
		r.kafka(whole)
	}
	return r.said, r.mistakes
}

// lineNumber is in what the YAML library says.
var lineNumber = regexp.MustCompile(`line (\d+)`)

// notYAML says where a file is not YAML, if that is known, and not why: the library's words may quote it.
func notYAML(err error, origin func(line int) string) error {
	found := lineNumber.FindStringSubmatch(err.Error())
	if found == nil {
		return errors.New(origin(1) + ": it, or a line below, is not YAML: a text that begins with *, &, ! or % needs quotes")
	}
	line, _ := strconv.Atoi(found[1])
	return errors.New(origin(line) + ": it, or the line before, is not YAML: check indentation and quotes")
}

// under is what a mapping has under a key; nil if it has nothing.
func under(node *yaml.Node, key string) *yaml.Node {
	if node = pointed(node); node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if value := pointed(node.Content[i+1]); node.Content[i].Value == key && value != nil && value.Tag != "!!null" {
			return value
		}
	}
	return nil
}

// pointed follows an alias.
func pointed(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// current takes the profile that is the current one, or the only one.
func (r *profile) current(whole *yaml.Node) {
	profiles, name := under(whole, "profiles"), ""
	if current := under(whole, "current_profile"); current != nil {
		name = current.Value
	}
	var names []string
	for _, p := range profiles.Content {
		own := under(p, "name")
		if own == nil {
			continue
		}
		names = append(names, own.Value)
		if own.Value == name || name == "" && len(profiles.Content) == 1 {
			r.kafka(p)
			return
		}
	}
	r.mistake(profiles, "current_profile is %q, want one of the profiles: %s", name, strings.Join(names, ", "))
}

// kafka reads how the profile reaches Kafka.
func (r *profile) kafka(owner *yaml.Node) {
	r.once(owner)
	api := r.section(owner, "kafka_api")
	r.once(api, "brokers", "tls", "sasl")
	if brokers := under(api, "brokers"); brokers != nil {
		r.brokers(brokers)
	}
	if tls := r.section(api, "tls"); tls != nil {
		r.tls(tls)
	}
	r.each(r.section(api, "sasl"), map[string]string{"user": "user", "password": "pass", "mechanism": "sasl.mechanism", "type": "sasl.mechanism"})
}

// brokers reads a list of addresses, each a text or, as older versions had it, a host and a port.
func (r *profile) brokers(list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		r.mistake(list, "brokers is no list: want [host:port, …]")
		return
	}
	var addresses []string
	for _, b := range list.Content {
		address := pointed(b).Value
		if host, port := under(b, "address"), under(b, "port"); host != nil && port != nil {
			address = net.JoinHostPort(host.Value, port.Value)
		}
		if address == "" {
			r.mistake(b, "a broker has no address: want host:port")
		}
		addresses = append(addresses, address)
	}
	r.say("brokers", strings.Join(addresses, ","), list)
}

// section is what stands under a key, which has to be names with values: a login that was skipped would be none.
func (r *profile) section(owner *yaml.Node, key string) *yaml.Node {
	section := under(owner, key)
	if section != nil && section.Kind != yaml.MappingNode {
		r.mistake(section, "%s is no section: want names with values below it, such as %[1]s: {}", key)
		return nil
	}
	return section
}

// once checks that a section has no name twice, takes none from elsewhere (which is not followed here), and has none but
// these, if any are given.
func (r *profile) once(section *yaml.Node, names ...string) {
	if section = pointed(section); section == nil || section.Kind != yaml.MappingNode {
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(section.Content); i += 2 {
		key := section.Content[i]
		switch {
		case key.Value == "<<":
			r.mistake(key, "it takes names from another section (<<), which omnibus does not follow: write them out")
		case seen[key.Value]:
			r.mistake(key, "%s stands there twice: leave one of them out", nameOf(key))
		case len(names) > 0 && !slices.Contains(names, key.Value):
			r.mistake(key, "%s is none of the names that rpk has there: want %s", nameOf(key), strings.Join(names, ", "))
		}
		seen[key.Value] = true
	}
}

// nameOf is a key as messages may have it: password:secret, without a blank behind the colon, is one key.
func nameOf(key *yaml.Node) string {
	end := strings.IndexFunc(key.Value, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' })
	if end < 0 {
		return fmt.Sprintf("%.100q", key.Value)
	}
	return fmt.Sprintf("%.100q, which goes on with what is not shown (a blank is missing behind the colon?),", key.Value[:end])
}

// tls reads a section that turns TLS on by being there, even empty.
func (r *profile) tls(tls *yaml.Node) {
	if under(tls, "enabled") == nil {
		r.say("tls.enabled", "true", tls)
	}
	r.each(tls, map[string]string{
		"enabled": "tls.enabled", "ca_file": "tls.ca", "truststore_file": "tls.ca", "cert_file": "tls.cert", "key_file": "tls.key",
		"insecure_skip_verify": "tls.insecure_skip_verify",
	})
}

// each says what a section has under these names.
func (r *profile) each(section *yaml.Node, names map[string]string) {
	if section == nil {
		return
	}
	r.once(section, slices.Sorted(maps.Keys(names))...)
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], pointed(section.Content[i+1])
		name, is := names[key.Value]
		switch {
		case !is: // told by once
		case value.Kind != yaml.ScalarNode:
			r.mistake(key, "%s has more than one value", key.Value)
		case value.Tag != "!!null":
			r.say(name, value.Value, key)
		}
	}
}

func (r *profile) say(name, value string, at *yaml.Node) {
	r.said = append(r.said, Setting{name, value, r.origin(at.Line)})
}

func (r *profile) mistake(at *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, errors.New(r.origin(at.Line)+": "+fmt.Sprintf(format, args...)))
}
