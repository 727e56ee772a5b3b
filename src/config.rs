//! The configuration: typed, from a file and the environment, validated once; errors name the key.
