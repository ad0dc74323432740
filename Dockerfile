# The image of netpol: one binary on a base image without a shell. docs/image.md describes how to build it and
# how to update the base images. scripts/image builds and tests it without a container engine.

# The digests are those of multi-architecture indexes. Both images are Debian 13, because the binary is linked against
# the glibc of the base image.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-trixie@sha256:ee4fa026a11f9e8b1b00568364a880dc720409bb94b0e6800f63f974f9c909d5
ARG BASE_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:e792ab3d241a468a4fd7519ddbbebe66b49b5f365771716ea688ad40b6c6f1c2

# The compiler runs on the platform of the builder and cross-compiles; nothing is emulated.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ARG BUILDARCH
ARG TARGETARCH
# The linker of each target: Debian uses these names for native and for cross compilers.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
WORKDIR /src
RUN case "${TARGETARCH:=$BUILDARCH}" in \
      amd64) target=x86_64-unknown-linux-gnu compiler=gcc-x86-64-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu compiler=gcc-aarch64-linux-gnu ;; \
      *) echo "netpol supports amd64 and arm64, not '$TARGETARCH'" >&2; exit 1 ;; \
    esac \
 && if [ "$TARGETARCH" != "$BUILDARCH" ]; then \
      apt-get update \
   && apt-get install --yes --no-install-recommends "$compiler" "libc6-dev-$TARGETARCH-cross" \
   && rm -rf /var/lib/apt/lists/* \
   && rustup target add "$target"; \
    fi \
 && echo "$target" > /target
# cargo-auditable embeds the names and versions of all crates in the binary.
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    cargo install --locked --root /usr/local cargo-auditable@0.7.7

# The layer with the dependencies, which is rebuilt only if a manifest or the lock file changes. It builds an empty
# package with empty workspace members.
COPY Cargo.toml Cargo.lock ./
COPY benches/Cargo.toml benches/
COPY fuzz/Cargo.toml fuzz/
COPY crates crates
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    mkdir -p src benches/src \
 && echo '//! Empty.' | tee src/lib.rs > benches/src/lib.rs \
 && printf '//! Empty.\nfn main() {}\n' > src/main.rs \
 && cargo auditable build --locked --release --bin netpol --target "$(cat /target)"

COPY src src
# Cargo compares modification times, and the copied files may be older than the build of the empty package.
RUN --mount=type=cache,id=netpol-registry,target=/usr/local/cargo/registry \
    touch src/lib.rs src/main.rs \
 && cargo auditable build --locked --release --bin netpol --target "$(cat /target)" \
 && install -D "target/$(cat /target)/release/netpol" /image/usr/local/bin/netpol
COPY LICENSE /image/usr/share/doc/netpol/

FROM ${BASE_IMAGE}
COPY --from=build /image/ /
ARG BASE_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="netpol" \
      org.opencontainers.image.description="Admission webhook that guards the network isolation of an abcdesktop.io namespace" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
# Numeric, because the kubelet cannot verify runAsNonRoot for a user name.
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/usr/local/bin/netpol"]
CMD ["serve"]
