package properties_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

const classes = "org.apache.kafka.common.config.provider."

// providers are those of a file.
func providers(t *testing.T, text string) (*properties.Providers, []properties.LineError) {
	t.Helper()
	lines, errs := properties.Scan(text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	p, rest, errs := properties.TakeProviders(lines)
	for _, line := range rest {
		if strings.HasPrefix(line.Name, "config.providers") {
			t.Errorf("%s is left", line.Name)
		}
	}
	return p, errs
}

func TestProvidersLookValuesUp(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secrets.properties")
	for path, text := range map[string]string{file: "user=alice\npassword=old\npassword=p\\=w\n", filepath.Join(dir, "token"): "tok\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PROVIDED", "from the environment")
	p, errs := providers(t, "config.providers=env, f,dir,near\n"+
		"config.providers.env.class="+classes+"EnvVarConfigProvider\n"+
		"config.providers.env.param.allowlist.pattern=PRO.*\n"+
		"config.providers.f.class="+classes+"FileConfigProvider\n"+
		"config.providers.dir.class="+classes+"DirectoryConfigProvider\n"+
		"config.providers.near.class="+classes+"FileConfigProvider\nconfig.providers.near.param.allowed.paths=/nowhere,"+dir+"x\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for text, want := range map[string]string{
		"plain":                          "plain",
		"${env:PROVIDED}":                "from the environment",
		"a ${f:" + file + ":password} b": "a p=w b",
		`u="${f:` + file + `:user}" ${dir:` + dir + `:token}`: `u="alice" tok`,
		"$ {x} ${x}": "$ {x} ${x}",
	} {
		got, err := p.Expand(text)
		if err != nil || got != want || p.Names(text) != (strings.Contains(text, ":")) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"${env:MISSING_PROVIDED}":                   "allowlist.pattern",
		"${env:PROVIDED_NOT}":                       "no variable PROVIDED_NOT",
		"${f:" + file + ":missing}":                 "has no missing",
		"${f:" + file + "x:password}":               "no such file",
		"${f:password}":                             "no path",
		"${near:" + file + ":password}":             "allowed.paths",
		"${near:/nowhere/../" + file + ":password}": "allowed.paths",
		"${dir:" + dir + ":../x}":                   "no such file",
		"${other:x}":                                `does not name "other"`,
	} {
		if got, err := p.Expand(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "p=w") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestProvidersThatCannotWork(t *testing.T) {
	for text, want := range map[string]string{
		"config.providers=env": "config.providers.env.class is missing",
		"config.providers=v\nconfig.providers.v.class=com.example.Vault":                                                                 "cannot run here",
		"config.providers=e\nconfig.providers.e.class=" + classes + "EnvVarConfigProvider\nconfig.providers.e.param.allowlist.pattern=(": "allowlist.pattern",
	} {
		if _, errs := providers(t, text); len(errs) != 1 || errs[0].Line != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%q: %v, want %q", text, errs, want)
		}
	}
	p, errs := providers(t, "a=b")
	if len(errs) > 0 || p.Names("${env:HOME}") || !p.LooksLike("${env:HOME}") || p.LooksLike("${HOME}") {
		t.Error("without providers nothing is a reference")
	}
}

func TestTheFilesOfReferencesAreKnown(t *testing.T) {
	lines, _ := properties.Scan("config.providers=e,f,d\nconfig.providers.e.class=EnvVarConfigProvider\nconfig.providers.f.class=FileConfigProvider\n" +
		"config.providers.d.class=DirectoryConfigProvider\n")
	providers, _, errs := properties.TakeProviders(lines)
	got := fmt.Sprint(errs, providers.Files("${e:HOME} ${f:/a/b:c} ${d:/dir:key} ${x:/y:z}"))
	if want := "[] [/a/b /dir/key]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
