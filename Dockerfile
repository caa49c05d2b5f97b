# mintsim with everything its scenarios need, guest images included.
#   docker build -t mintsim . && docker run --rm mintsim
# runs scenarios/parallel2.toml; other arguments are those of `mintsim`. Packages come from the
# same list as ./run's, so the same package versions give the same images and the same run digest.
FROM debian:12

COPY tools/install-packages tools/packages.txt /usr/src/mintsim/tools/
RUN /usr/src/mintsim/tools/install-packages build guest

# /var/cache/mintsim keeps the images; a volume there keeps those built later, too.
ENV MINTSIM_CACHE=/var/cache/mintsim
COPY . /usr/src/mintsim
RUN cmake -S /usr/src/mintsim --preset release -DBUILD_TESTING=OFF \
 && cmake --build /usr/src/mintsim/build/release \
 && cmake --install /usr/src/mintsim/build/release --prefix /usr/local \
 && rm -rf /usr/src/mintsim/build

# apt's lists stay: by them the boot tool's version is known.
RUN mintsim images build /usr/local/share/mintsim/scenarios/parallel2.toml

WORKDIR /work
ENTRYPOINT ["mintsim"]
CMD ["run", "/usr/local/share/mintsim/scenarios/parallel2.toml"]
