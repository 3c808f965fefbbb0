package java

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// program is compiled once, and again when it changes.
//
//go:embed Bench.java
var program []byte

// pom names the client.
//
//go:embed pom.xml
var pom []byte

const (
	mainClass = "Bench"
	// javaMajorMin is the oldest Java that the program compiles with.
	javaMajorMin = 17
	// copyGoal has its version pinned, so that Maven asks no registry for the newest.
	copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	cacheEnv = "OMNIBUS_BENCH_CACHE"
)

// clientVersion is what the pom names.
func clientVersion() string {
	found := regexp.MustCompile(`<artifactId>kafka-clients</artifactId><version>([^<]*)</version>`).FindSubmatch(pom)
	if found == nil {
		return "unknown"
	}
	return string(found[1])
}

// missing says what it takes to run the client and is not here, "" for nothing.
func missing(ctx context.Context) string {
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "no " + tool + " in PATH"
		}
	}
	printed, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("java -version: %v", err)
	}
	if major := majorOf(printed); major < javaMajorMin {
		return fmt.Sprintf("Java %d is here: wanted %d or newer", major, javaMajorMin)
	}
	dir, err := installDir()
	if err != nil {
		return err.Error()
	}
	if _, err := os.Stat(dir); err == nil {
		return ""
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "no mvn in PATH, and the client's jars are not in " + dir
	}
	return ""
}

// majorOf reads the first number of `openjdk version "17.0.15" 2025-04-15`; 0 means unreadable.
func majorOf(version []byte) int {
	found := regexp.MustCompile(`version "(\d+)`).FindSubmatch(version)
	if found == nil {
		return 0
	}
	major, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0
	}
	return major
}

// installDir is where jars and classes are, or will be. It exists only when it is complete, and its name tells of what.
func installDir() (string, error) {
	root := os.Getenv(cacheEnv)
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache directory: %w; set %s", err, cacheEnv)
		}
		root = filepath.Join(user, "omnibus-bench")
	}
	sum := sha256.Sum256(append(append([]byte(nil), program...), pom...))
	return filepath.Join(root, fmt.Sprintf("kafka-clients-%s-%x", clientVersion(), sum[:4])), nil
}

// install fetches the jars and compiles the program, unless both are there, and returns the class path. Of several that
// do so at once, one's work is kept.
func install(ctx context.Context) (classPath string, err error) {
	dir, err := installDir()
	if err != nil {
		return "", err
	}
	classPath = dir + string(filepath.ListSeparator) + filepath.Join(dir, "*")
	if _, err := os.Stat(dir); err == nil {
		return classPath, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	pomPath, source, filled := filepath.Join(work, "pom.xml"), filepath.Join(work, mainClass+".java"), filepath.Join(work, "filled")
	if err := errors.Join(os.WriteFile(pomPath, pom, 0o644), os.WriteFile(source, program, 0o644)); err != nil {
		return "", err
	}
	if err := run(ctx, "mvn", "-q", "-B", "-f", pomPath, copyGoal, "-DoutputDirectory="+filled); err != nil {
		return "", err
	}
	if err := run(ctx, "javac", "-cp", filepath.Join(filled, "*"), "-d", filled, source); err != nil {
		return "", err
	}
	if err := os.Rename(filled, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return classPath, nil
}

// run runs a tool to its end; its words are told if it fails.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
