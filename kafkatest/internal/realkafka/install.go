package realkafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/process"
)

// Version is the Apache Kafka that is run: the newest whose command-line tools are
// all on Maven Central.
const Version = "4.3.1"

const (
	javaMajorMin = 17               // Kafka 4's brokers need it
	resolveMax   = 10 * time.Minute // for Maven, on a slow line
	cacheEnv     = "OMNIBUS_KAFKA_CACHE"
)

// pom names what a broker and its tools need. Without the log4j binding a broker
// logs nothing.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafkatest</groupId><artifactId>kafkatest</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + Version + `</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>` + Version + `</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
  </dependencies>
</project>
`

// copyGoal has its version pinned, so that Maven asks no registry for the newest.
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// Look returns the java to run Kafka with, or an error that names what is missing
// here to run it: Java, or Maven while the jars are not in the cache.
func Look(ctx context.Context) (java string, err error) {
	if !process.Supported {
		return "", errors.New("it is run on Linux, macOS and the BSDs only")
	}
	if java, err = findJava(ctx); err != nil {
		return "", err
	}
	lib, err := libDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(lib); err == nil {
		return java, nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", errors.New("Maven is missing (no mvn in PATH), and Kafka's jars are not in " + lib)
	}
	return java, nil
}

// findJava returns the path of a java that is new enough.
func findJava(ctx context.Context) (string, error) {
	java, err := exec.LookPath("java")
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java, err = exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	if err != nil {
		return "", fmt.Errorf("no java in JAVA_HOME or in PATH: want version %d or newer", javaMajorMin)
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %s", java, err, out)
	}
	major := javaMajor(out)
	if major < javaMajorMin {
		return "", fmt.Errorf("%s is Java %d: want version %d or newer", java, major, javaMajorMin)
	}
	return java, nil
}

// javaMajor reads the first number of `openjdk version "17.0.15" 2025-04-15`. Java
// 8 calls itself 1.8, which is too old either way. 0 means unreadable.
func javaMajor(version []byte) int {
	m := regexp.MustCompile(`version "(\d+)`).FindSubmatch(version)
	if m == nil {
		return 0
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return major
}

// libDir is where the jars are, or will be. It exists only when it is complete.
func libDir() (string, error) {
	root := os.Getenv(cacheEnv)
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache directory: %w; set %s", err, cacheEnv)
		}
		root = filepath.Join(user, "omnibus-kafkatest")
	}
	return filepath.Join(root, "kafka-"+Version), nil
}

// Installation is a Kafka that can be run.
type Installation struct {
	java string
	lib  string
}

// Install returns the installation, fetching the jars with Maven if no process has
// yet.
func Install(ctx context.Context, java string) (Installation, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveMax)
	defer cancel()
	lib, err := libDir()
	if err == nil {
		err = resolve(ctx, lib)
	}
	return Installation{java: java, lib: lib}, err
}

// resolve fills lib by Maven. Of several processes one does it while the others
// wait for its lock; the directory appears by a rename, so it is never half full.
func resolve(ctx context.Context, lib string) error {
	if _, err := os.Stat(lib); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(lib), 0o755); err != nil {
		return err
	}
	unlock, err := process.LockFile(lib + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(lib); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(lib), "resolving-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	pomFile, filled := filepath.Join(work, "pom.xml"), filepath.Join(work, "lib")
	if err := os.WriteFile(pomFile, []byte(pom), 0o644); err != nil {
		return err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pomFile, copyGoal, "-DoutputDirectory="+filled)
	var out bytes.Buffer
	mvn.Stdout, mvn.Stderr = &out, &out
	if err := process.Run(mvn); err != nil {
		return fmt.Errorf("mvn %s: %w\n%s", copyGoal, err, out.Bytes())
	}
	return os.Rename(filled, lib)
}

// command prepares java with Kafka's jars on its class path.
func (i Installation) command(ctx context.Context, flags []string, args ...string) *exec.Cmd {
	all := append([]string{}, flags...)
	all = append(all, "-cp", filepath.Join(i.lib, "*"))
	return exec.CommandContext(ctx, i.java, append(all, args...)...)
}
