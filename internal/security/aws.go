package security

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// awsElsewhere is what to do about the sources of credentials that only Amazon's SDK knows.
const awsElsewhere = "roles of instances, containers and single sign-on need Amazon's SDK: set Config.SASL to " +
	"aws.ManagedStreamingIAM of franz-go's sasl/aws with its credentials"

// awsCredentials finds the access key for each authentication: in the environment, else in the file that Amazon's tools
// keep. It fails only if the login asks for what is not to be had here.
func awsCredentials(l *jaas.Login) (func(context.Context) (aws.Auth, error), error) {
	for _, option := range []string{"awsRoleArn", "awsRoleSessionName", "awsRoleExternalId", "awsStsRegion"} {
		if l.Option(option) != "" {
			return nil, fmt.Errorf("no %s; %s", option, awsElsewhere)
		}
	}
	profile := l.Option("awsProfileName")
	return func(context.Context) (aws.Auth, error) {
		if key := os.Getenv("AWS_ACCESS_KEY_ID"); key != "" && profile == "" {
			return aws.Auth{AccessKey: key, SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}, nil
		}
		return awsProfile(profile)
	}, nil
}

// awsProfile reads an access key from the file of Amazon's tools.
func awsProfile(profile string) (aws.Auth, error) {
	if profile == "" {
		profile = os.Getenv("AWS_PROFILE")
	}
	if profile == "" {
		profile = "default"
	}
	path := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return aws.Auth{}, err
		}
		path = filepath.Join(home, ".aws", "credentials")
	}
	data, err := readFile(path)
	if err != nil {
		return aws.Auth{}, fmt.Errorf("no AWS access key: AWS_ACCESS_KEY_ID is not set, and %w; %s", err, awsElsewhere)
	}
	values := section(string(data), profile)
	auth := aws.Auth{AccessKey: values["aws_access_key_id"], SecretKey: values["aws_secret_access_key"], SessionToken: values["aws_session_token"]}
	if auth.AccessKey == "" || auth.SecretKey == "" {
		return aws.Auth{}, errors.New("no AWS access key: the profile " + profile + " in " + path + " has none; " + awsElsewhere)
	}
	return auth, nil
}

// section is one section of an INI file.
func section(text, name string) map[string]string {
	values := make(map[string]string)
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = strings.TrimSpace(strings.Trim(line, "[]")) == name
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && inside && !strings.HasPrefix(line, "#") {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return values
}
