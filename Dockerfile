# --- Build. The image has gcc and the headers of glibc; nothing else is needed, no cmake and no clang.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Builds as cargo does, and writes the crates that a program is made of into the program itself, where scanners of images
# look for them; the other one makes a CycloneDX document of that.
RUN cargo install --locked cargo-auditable@0.7.7 auditable2cdx@0.1.0

# The dependencies by themselves, with an empty program in the place of ours: this layer is built again only when the
# manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo auditable build --release --locked --bin tokend

# Copied files keep the time of their last change, which may be before the empty program was compiled: without a new
# time cargo would take that one for up to date.
#
# The context has no git, so the commit that `tokend --version` shows is an argument:
# docker build --build-arg BUILD_COMMIT=$(git rev-parse HEAD) -t tokend .
COPY . .
ARG BUILD_COMMIT=""
RUN touch src/lib.rs src/main.rs \
    && cargo auditable build --release --locked --bin tokend \
    && auditable2cdx target/release/tokend > target/release/tokend.cdx.json \
    && mkdir -m 0700 data

# --- Run. glibc, libgcc and the certificates of the public authorities; no shell and no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/tokend /build/target/release/tokend.cdx.json /usr/local/bin/

# The server reads config/tokend.toml and, unless told otherwise, keeps its database and its master secret in data/, both
# below the working directory. Mount your own file over the first and a volume over the second; a new volume gets the
# owner of this directory, a directory of the host must be given to the user 65532.
WORKDIR /
COPY --from=build /build/config/tokend.toml /config/tokend.toml
COPY --from=build --chown=65532:65532 /build/data /data
VOLUME /data

# A number, so that Kubernetes can see that it isn't root.
USER 65532:65532

# In a container the loopback address reaches nobody. This wins over `listen` in the file.
ENV TOKEND_LISTEN=0.0.0.0:8080
EXPOSE 8080

# Live, not ready: what runs the image may replace an unhealthy container, and a database that is away is no reason to.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/usr/local/bin/tokend", "health"]

# SIGTERM lets running requests finish: give it as long as http.drain and http.shutdown_timeout before it is killed.
ENTRYPOINT ["/usr/local/bin/tokend"]
