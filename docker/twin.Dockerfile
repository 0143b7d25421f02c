# The whole stack with the digital twin, on the ROS 2 wheels. Build context: the repository.
FROM debian:12-slim

RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates cmake g++ git libegl-mesa0 libegl1 libgl1 libgl1-mesa-dri libusb-1.0-0 \
        make procps python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /vega
COPY . .
RUN make setup

CMD ["make", "run"]
