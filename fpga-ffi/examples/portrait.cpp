// Makes a picture from a prompt: portrait MODEL PROMPT OUT.ppm [SIZE [STEPS]]
#include <fpga.hpp>

#include <fstream>
#include <iostream>

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::cerr << "portrait MODEL PROMPT OUT.ppm [SIZE [STEPS]]\n";
        return 2;
    }
    try {
        for (const fpga::device &device : fpga::devices())
            std::cerr << device.id << ": " << device.name << '\n';
        const fpga::context context;
        const fpga::model model(context, argv[1]);

        auto params = fpga::init<fpga_generate_params>();
        params.prompt = argv[2];
        if (argc > 4)
            params.width = params.height = static_cast<std::uint32_t>(std::stoul(argv[4]));
        if (argc > 5)
            params.steps = static_cast<std::uint32_t>(std::stoul(argv[5]));
        auto job = fpga::job::generate(model, params);
        std::cerr << "about " << job.estimate_memory() / 1000000 << " MB\n";
        job.watch([](const fpga_progress &progress) {
            std::cerr << "\rphase " << progress.phase << ": " << progress.step << " of " << progress.steps;
            return true;
        });
        job.log([](std::uint32_t, const char *message) { std::cerr << message << '\n'; });
        job.run();

        const fpga::generation made = job.take_generation();
        const fpga::image picture = made.picture(0);
        std::ofstream out(argv[3], std::ios::binary);
        out << "P6 " << picture.width() << ' ' << picture.height() << " 255\n";
        out.write(reinterpret_cast<const char *>(picture.pixels().data()),
                  static_cast<std::streamsize>(picture.pixels().size()));
        std::cerr << "\nseed " << made.report().seed << '\n';
        return out.good() ? 0 : 1;
    } catch (const fpga::error &error) {
        std::cerr << '\n' << fpga_status_name(error.status()) << ": " << error.what() << '\n';
        return 1;
    }
}
