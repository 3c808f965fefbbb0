package realkafka

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsMissingIsNamed(t *testing.T) {
	java, err := findJava(t.Context())
	if err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", bin)
	t.Setenv(cacheEnv, t.TempDir())
	if _, err := Look(t.Context()); err == nil || !strings.Contains(err.Error(), "no java") {
		t.Errorf("without Java: %v", err)
	}
	if err := os.Symlink(java, filepath.Join(bin, "java")); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(t.Context()); err == nil || !strings.Contains(err.Error(), "Maven is missing") {
		t.Errorf("without Maven: %v", err)
	}
	lib, err := libDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(lib, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(t.Context()); err != nil {
		t.Errorf("without Maven but with the jars in the cache: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", filepath.Dir(filepath.Dir(java)))
	if _, err := Look(t.Context()); err != nil {
		t.Errorf("with JAVA_HOME alone: %v", err)
	}
}

func TestJavaVersionsAreRead(t *testing.T) {
	for text, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`: 17,
		`openjdk version "25" 2025-09-16`:      25,
		`java version "1.8.0_402"`:             1,
		`what?`:                                0,
	} {
		if got := javaMajor([]byte(text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
